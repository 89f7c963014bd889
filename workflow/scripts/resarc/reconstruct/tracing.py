"""Times and events along the points of a digitised curve, one dataset after the other, compiled."""

from __future__ import annotations

import numpy as np

from resarc.compiled import njit


@njit(cache=True, error_model="numpy")
def trace_members(times, heights, knots, at_risk, shift, skew, draws, days, event):
    """Fills days and events of one group, member by member."""
    for m in range(len(draws)):
        moved = np.empty(len(times))
        lowest = 1.0
        for i in range(len(times)):
            here = heights[i]
            if times[i] > 0 and 0 < here < 1:
                j = min(np.searchsorted(knots, times[i], side="right"), len(knots) - 1)
                along = (times[i] - knots[j - 1]) / max(knots[j] - knots[j - 1], 1e-9)
                along = min(max(along, 0.0), 1.0)
                here += shift[m, j - 1] * (1 - along) + shift[m, j] * along
            lowest = min(lowest, max(here, 0.0))
            moved[i] = lowest
        _trace_one(times, moved, knots, at_risk, skew[m], draws[m], days[m], event[m])


@njit(cache=True, error_model="numpy")
def _trace_one(times, heights, knots, at_risk, skew, draws, days, event):
    """One member: between two numbers at risk, as many are censored as make up for what the events
    leave; where nobody knows how many (after the last), all who are left."""
    survival, done = 1.0, 0
    for j in range(len(at_risk)):
        risk = at_risk[j]
        last = j == len(at_risk) - 1
        leaving = risk if last else risk - at_risk[j + 1]
        start, end = knots[j], knots[j + 1]
        power = 64.0 ** skew[j]
        own = slice(done, done + leaving)
        # More censored, fewer at risk, fewer events: halve until both add up to those who leave.
        lowest, highest = 0, leaving
        while True:
            censored = (lowest + highest) // 2
            asked, reached = _walk(
                times, heights, start, end, last, risk, survival, censored, power,
                draws[own], days[own], event[own],
            )  # fmt: skip
            if asked + censored == leaving or lowest >= highest:
                break
            if asked + censored > leaving:
                highest = max(censored - 1, lowest)
            else:
                lowest = censored + 1
        survival = reached
        done += leaving


@njit(cache=True, error_model="numpy")
def _walk(
    times, heights, start, end, last, risk, survival, censored, power, draws, days, event
):  # fmt: skip
    """Events and censorings of one interval in order of time, of which as many as leave are written;
    who is left over is censored on its last day. How many events the curve asks for, and survival
    after those that were written."""
    leaving = len(days)
    first = 1.0 if start <= 0 else np.floor(start) + 1
    final = np.floor(end) if last else np.ceil(end) - 1
    final = max(final, first)
    planned = np.sort(draws[:censored] ** power)
    if last and censored > 0:
        planned[censored - 1] = 1.0  # somebody is followed to the end of the curve
    asked, place, c = 0, 0, 0
    height, written = survival, survival
    while asked + c < risk:
        left = risk - c - asked
        middle = height * (1 - 0.5 / left)
        i = np.searchsorted(-heights, -middle)
        when = np.inf
        if i < len(times):
            when = times[i]
            if i > 0 and heights[i - 1] > heights[i]:
                part = (heights[i - 1] - middle) / (heights[i - 1] - heights[i])
                when = times[i - 1] + part * (times[i] - times[i - 1])
            when = max(np.ceil(when - 1e-9), first)
        drop = np.inf
        if c < censored:
            drop = min(max(np.ceil(start + planned[c] * (end - start)), first), final)
        if when > final and drop == np.inf:
            break
        happens = when <= drop
        if happens:
            height *= 1 - 1 / left
            asked += 1
        else:
            c += 1
        if place < leaving:
            days[place] = int(min(when, drop))
            event[place] = happens
            place += 1
            if happens:
                written = height
    while place < leaving:
        days[place], event[place] = int(final), False
        place += 1
    return asked, written
