"""Survival curves that do not give the patients back.

A Kaplan-Meier curve with exact times is close to the patients themselves (Liu, Rich & Hanley,
"Recovering the raw data behind a non-parametric survival curve", Syst Rev 2014;3:151). What is
released is another follow-up, made from rounded counts alone: so many patients, events and ends of
observation at times of a coarse grid. Everything that is told of survival is computed from it.

* Times are moved up to the grid.
* The cumulative numbers of events and of ends without event become midpoints (of 6, 1 to 6 is 3);
  as long as they are not above the threshold they are not told at all. When they first are, as many
  of them as the threshold are spread evenly over the time before, since nobody may know when the
  first of them was.
* The number at the start is the rounded count, as it stands in every other table.
* The follow-up ends where no more than the threshold are at risk, truly or after rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from resarc.analysis.view import FollowUp
from resarc.disclosure.rounding import to_midpoint
from resarc.settings import Disclosure


@dataclass(frozen=True)
class Blurred:
    """A follow-up that stands for that of some patients; arrays of one length, times in months.

    `first_event` and `first_end`: when more than the threshold had an event, or ended without;
    infinite if that was never told. `last`: where the follow-up is cut.
    """

    time: np.ndarray
    event: np.ndarray
    first_event: float
    first_end: float
    last: float

    def frame(self, endpoint: str, levels: dict[str, str]) -> pd.DataFrame:
        """As a cohort of patients with these levels of categories."""
        return pd.DataFrame(
            {
                f"{endpoint}_time": self.time,
                f"{endpoint}_event": self.event.astype(float),
                **{name: np.full(self.time.size, level, object) for name, level in levels.items()},
            }
        )


def blurred(follow_up: FollowUp, at_start: int, rule: Disclosure) -> Blurred | None:
    """What may be told of a follow-up of which `at_start` patients are told of.

    None if not more than the threshold had the event while enough were at risk.
    """
    place = np.maximum(np.ceil(follow_up.time / rule.curve_step - 1e-9), 1).astype(int)
    size = int(place.max(initial=0)) + 1
    died = np.bincount(place[follow_up.event], minlength=size).cumsum()
    ended = np.bincount(place[~follow_up.event], minlength=size).cumsum()
    events, ends = (_told(x, rule) for x in (died, ended))
    # At risk at a place of the grid are those of whom nothing was told before it.
    truly = follow_up.n - np.append(0, (died + ended)[:-1])
    told = at_start - np.append(0, (events + ends)[:-1])
    enough = np.minimum.accumulate((truly > rule.threshold) & (told > rule.threshold))
    last = int(np.flatnonzero(enough)[-1]) if enough.any() else 0
    if last == 0 or events[last] == 0:
        return None
    at_events, at_ends = (_places(x[: last + 1], rule) for x in (events, ends))
    at_events = at_events[:at_start]
    at_ends = at_ends[: at_start - at_events.size]
    rest = np.full(at_start - at_events.size - at_ends.size, last)
    return Blurred(
        np.concatenate([at_events, at_ends, rest]) * rule.curve_step,
        np.repeat([True, False], [at_events.size, at_ends.size + rest.size]),
        _first(events[: last + 1], rule),
        _first(ends[: last + 1], rule),
        last * rule.curve_step,
    )


def _told(cumulative: np.ndarray, rule: Disclosure) -> np.ndarray:
    return np.where(cumulative > rule.threshold, to_midpoint(cumulative, rule.curve_rounding), 0)


def _first(told: np.ndarray, rule: Disclosure) -> float:
    places = np.flatnonzero(told)
    return float(places[0]) * rule.curve_step if places.size else float("inf")


def _places(told: np.ndarray, rule: Disclosure) -> np.ndarray:
    """The place of the grid of each single one of a cumulative number, in order; as many as may have
    happened before the first place at which it is told are spread evenly up to there."""
    places = np.repeat(np.arange(told.size), np.diff(told, prepend=0))
    before = min(rule.threshold, places.size)
    if before:
        places[:before] = -(-places[0] * np.arange(1, before + 1) // (before + 1))
    return places
