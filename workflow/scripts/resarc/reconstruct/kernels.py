"""Statistics of one dataset, compiled: what the searches compute a million times.

Patients come in the order of time, events before censorings of the same day (`by_time`); `group` is
the group (0, 1, …) of each, -1 of who takes no part. All take
plain arrays and return plain numbers; the results are those of `resarc.survival` (a test holds them
together), which judges what a member is in the end. numba compiles them once and keeps the result
(docs/decisions/numba.md).
"""

from __future__ import annotations

import math

import numpy as np

from resarc.compiled import lean, makes_arrays, tiny

PLAIN, LOG, LOG_LOG = 0, 1, 2
INTERVALS = {"plain": PLAIN, "log": LOG, "log-log": LOG_LOG}

_TINY = 1e-12
_SURE = 2000.0


@lean
def survival_at(days, event, group, time):
    """Kaplan-Meier S and the standard error of log S after `time` in all groups; NaN beyond the last
    follow-up unless S has reached 0, and where nobody takes part."""
    at_risk = 0
    last = -1
    for p in range(len(days)):
        if group[p] >= 0:
            at_risk += 1
            last = days[p]
    if at_risk == 0:
        return math.nan, math.nan
    s, greenwood = 1.0, 0.0
    for p in range(len(days)):
        if days[p] > time:
            break
        if group[p] >= 0:
            if event[p]:
                s *= (at_risk - 1) / at_risk
                if at_risk > 1:
                    greenwood += 1.0 / (at_risk * (at_risk - 1.0))
                else:
                    greenwood = math.inf
            at_risk -= 1
    if time > last and s > _TINY:
        return math.nan, math.nan
    return s, math.sqrt(greenwood)


@lean
def limits(s, error, interval, z):
    """Lower and upper limit of S; see `survival.kaplan_meier.limits`."""
    if math.isnan(s) or math.isnan(error):
        return math.nan, math.nan
    if s >= 1.0:
        return 1.0, 1.0
    width = z * error
    if interval == PLAIN:
        low, high = s - width * s, s + width * s
    elif interval == LOG:
        low, high = s * math.exp(-width), s * math.exp(width)
    elif s <= 0.0:
        return math.nan, math.nan
    else:
        ratio = math.exp(width / -math.log(s))
        low, high = s**ratio, s ** (1.0 / ratio)
    return min(max(low, 0.0), 1.0), min(max(high, 0.0), 1.0)


@lean
def survival_terms(event, group, logs, terms):
    """What S is made of, so that it is known at once when two patients change places in a group.

    Fills (7, n + 1): sums over the events of the group at places before p of log(1 - 1/Y), first
    with the number at risk Y as it is, then with one more, then with one fewer; three such sums of
    Greenwood's 1/(Y (Y - 1)); and Y itself, who of the group has place p or a later one. `logs`
    (2, n + 2) has both functions of Y (`functions_of_risk`).
    """
    n = len(event)
    at_risk = 0
    for p in range(n):
        at_risk += group[p] >= 0
    for row in range(6):
        terms[row, 0] = 0.0
    for p in range(n):
        terms[6, p] = at_risk
        here = group[p] >= 0
        for row in range(6):
            terms[row, p + 1] = terms[row, p]
            if here and event[p]:
                y = at_risk + (0 if row % 3 == 0 else 1 if row % 3 == 1 else -1)
                terms[row, p + 1] += logs[row // 3, y]
        at_risk -= here
    terms[6, n] = 0.0


@makes_arrays
def functions_of_risk(n):
    """log(1 - 1/y) and 1/(y (y - 1)) for y from 0 to n + 1; of 0 and 1 a number that makes S nought."""
    logs = np.empty((2, n + 2))
    for y in range(n + 2):
        logs[0, y] = math.log(1.0 - 1.0 / y) if y > 1 else -_SURE
        logs[1, y] = 1.0 / (y * (y - 1.0)) if y > 1 else 0.0
    return logs


@tiny
def survival_after(event, terms, logs, first, last, out, into):
    """S and the standard error of log S when the patient at place `out` has left the group for the
    one at place `into` (-1 twice: as it is), from `survival_terms`. `first` is how many places lie
    before the time, `last` how many lie before it or at it."""
    total, greenwood, beyond = 0.0, 0.0, terms[6, first]
    if out >= 0:
        beyond += (1 if into >= first else 0) - (1 if out >= first else 0)
    if out < 0 or (out >= last and into >= last):
        total, greenwood = terms[0, last], terms[3, last]
    else:
        # Between the two, one more is at risk if the newcomer comes later, else one fewer.
        kind = 1 if out < into else 2
        low, high = min(out, into), max(out, into)
        a, b, c = min(low + 1, last), min(high, last), min(high + 1, last)
        for row in range(2):
            r = 3 * row
            value = terms[r, min(low, last)] + (terms[r + kind, b] - terms[r + kind, a])
            value += terms[r, last] - terms[r, c]
            if into < last and event[into]:
                value += logs[row, int(terms[6, into]) + (1 if kind == 1 else 0)]
            if row == 0:
                total = value
            else:
                greenwood = value
    if total < -_SURE / 2.0:
        return 0.0, math.inf
    if beyond == 0.0:
        return math.nan, math.nan
    return math.exp(total), math.sqrt(greenwood)


@makes_arrays
def logrank(days, event, group, k, weighting=0):
    """Chi-squared of the log-rank test of groups 0 to k - 1 (-1: left out), its degrees of freedom
    and observed less expected events (k,). Groups that are at risk at no event are left out.
    `weighting` is that of `logrank_sums`."""
    sums = np.empty(k * (k + 3))
    logrank_sums(days, event, group, k, sums, np.empty((0, 0)), weighting)
    excess = sums[:k].copy()
    chi2, df = chi_of_sums(sums, k)
    return chi2, df, excess


@lean
def logrank_sums(days, event, group, k, sums, terms, weighting):
    """Observed less expected events U of each group and their covariance V, in `sums`: k numbers, k
    x k of which the lower triangle counts, and 2 k of scratch.

    If `terms` (3 + k, n) has rows they are filled, in the order of time, with each patient's residual
    and with sums, over the event times that the patient lives to see, of the weight w of the variance
    by Y, by Y^2, and w Y_g / Y^2 for each group g, so that `shift` knows what an exchange does.

    `weighting` of the event times: 0 none, 1 number at risk (Gehan-Breslow), 2 its root (Tarone-Ware),
    3 survival just before (Peto-Peto). All depend on who takes part and not on the groups.
    """
    for s in range(len(sums)):
        sums[s] = 0.0
    at_risk, died = k + k * k, k + k * k + k
    n = len(days)
    total = 0.0
    for p in range(n):
        if group[p] >= 0:
            sums[at_risk + group[p]] += 1.0
            total += 1.0
    rows = terms.shape[0]
    hazard, before = 0.0, 1.0
    p = 0
    while p < n:
        last = p
        while last + 1 < n and days[last + 1] == days[p]:
            last += 1
        deaths = 0.0
        for q in range(p, last + 1):
            if not event[q]:
                break
            if group[q] >= 0:
                sums[died + group[q]] += 1.0
                deaths += 1.0
        if rows > 0:
            for r in range(1, rows):
                terms[r, p] = terms[r, p - 1] if p > 0 else 0.0
        w = 1.0
        if deaths > 0:
            if weighting > 0:
                w = total if weighting == 1 else math.sqrt(total) if weighting == 2 else before
                before *= 1.0 - deaths / total
            weight = deaths * (total - deaths) / (total - 1.0) if total > 1.0 else 0.0
            by_total = w * w * weight / total
            by_square = by_total / total
            hazard += w * deaths / total
            for g in range(k):
                mine = sums[at_risk + g]
                sums[g] += w * (sums[died + g] - deaths * mine / total)
                sums[died + g] = 0.0
                for h in range(g):
                    sums[k + g * k + h] -= by_square * mine * sums[at_risk + h]
                sums[k + g * k + g] += by_square * mine * (total - mine)
                if rows > 0:
                    terms[3 + g, p] += by_square * mine
            if rows > 0:
                terms[1, p] += by_total
                terms[2, p] += by_square
        if rows > 0:
            for q in range(p, last + 1):
                terms[0, q] = (w if event[q] else 0.0) - hazard
                if q > p:
                    for r in range(1, rows):
                        terms[r, q] = terms[r, p]
        for q in range(p, last + 1):
            if group[q] >= 0:
                sums[at_risk + group[q]] -= 1.0
                total -= 1.0
        p = last + 1


@tiny
def chi_of_sums(sums, k):
    """Chi-squared and degrees of freedom from U and V in `sums`; of three groups or more V is
    overwritten. NaN where V is singular."""
    used, first, last, known = 0, -1, -1, 0
    for g in range(k):
        if sums[k + g * k + g] > _TINY:
            used += 1
            first = g if first < 0 else first
            last = g
            known |= 1 << g
    if used < 2:
        return math.nan, 0
    if used == 2:
        return sums[first] * sums[first] / sums[k + first * k + first], 1
    chi2 = 0.0
    for g in range(last):  # U' V^-1 U by elimination, of all groups used but the last
        if not known >> g & 1:
            continue
        pivot = sums[k + g * k + g]
        if pivot <= _TINY:
            return math.nan, used - 1
        chi2 += sums[g] * sums[g] / pivot
        for h in range(g + 1, last):
            factor = sums[k + h * k + g] / pivot
            sums[h] -= factor * sums[g]
            for c in range(g + 1, h + 1):
                sums[k + h * k + c] -= factor * sums[k + c * k + g]
    return chi2, used - 1


@tiny
def shift(sums, k, terms, out, a, b, into):
    """Make U and V in `sums` those after the patient at place `out` has left group a for b and the one
    at place `into` has left b for a (-1: nobody), exactly, from the terms of `logrank_sums`.

    An exchange leaves one more of group a and one fewer of b at risk between the two times, or the
    reverse, a single change up to the one time; Y stays. With s the one more or fewer (1 or -1), each
    term w Y_a (Y - Y_a) / Y^2 of the variance changes by w s (Y - 2 Y_a) / Y^2 - w / Y^2, and so on.
    """
    r = terms[0, out]
    total, square = -terms[1, out], terms[2, out]
    if into >= 0:
        r -= terms[0, into]
        total += terms[1, into]
        square = abs(terms[2, into] - square)
    sums[a] -= r
    sums[b] += r
    for g in range(k):
        moved = -terms[3 + g, out]
        if into >= 0:
            moved += terms[3 + g, into]
        if g == a:
            sums[k + a * k + a] += total - 2.0 * moved - square
            sums[k + max(a, b) * k + min(a, b)] += moved + square
        elif g == b:
            sums[k + b * k + b] += 2.0 * moved - total - square
            sums[k + max(a, b) * k + min(a, b)] -= moved
        else:
            sums[k + max(a, g) * k + min(a, g)] -= moved
            sums[k + max(b, g) * k + min(b, g)] += moved


@makes_arrays
def solve(a):
    """Solution of the linear equations whose matrix and right side are `a` (m, m + 1), which is
    overwritten; NaN where the matrix is singular."""
    m = a.shape[0]
    for i in range(m):
        pivot = i
        for r in range(i + 1, m):
            if abs(a[r, i]) > abs(a[pivot, i]):
                pivot = r
        if abs(a[pivot, i]) < _TINY:
            return np.full(m, math.nan)
        if pivot != i:
            for c in range(m + 1):
                a[i, c], a[pivot, c] = a[pivot, c], a[i, c]
        for r in range(m):
            if r != i:
                factor = a[r, i] / a[i, i]
                for c in range(i, m + 1):
                    a[r, c] -= factor * a[i, c]
    found = np.empty(m)
    for i in range(m):
        found[i] = a[i, m] / a[i, i]
    return found


@makes_arrays
def cox(days, event, group, x, steps):
    """Coefficients (p,) of Cox's model with Efron's ties and the variance of the first, by at most
    `steps` Newton steps from 0; NaN where the information is singular.

    `x` (n, p) may hold constant columns (all 0 among who is in a group): they are left out.
    """
    n, p = x.shape
    used = np.empty(p, dtype=np.int64)
    m = 0
    for c in range(p):
        low, high = math.inf, -math.inf
        for i in range(n):
            if group[i] >= 0:
                low, high = min(low, x[i, c]), max(high, x[i, c])
        if high > low:
            used[m] = c
            m += 1
    beta = np.full(p, math.nan)
    if m == 0 or used[0] != 0:
        return beta, math.nan
    current = np.zeros(m)
    gradient, information = np.empty(m), np.empty((m, m))
    s1, s2, d1, d2 = np.empty(m), np.empty((m, m)), np.empty(m), np.empty((m, m))
    for step in range(steps + 1):
        gradient[:] = 0.0
        information[:] = 0.0
        s0 = 0.0
        s1[:] = 0.0
        s2[:] = 0.0
        last = n - 1
        while last >= 0:
            first = last
            while first > 0 and days[first - 1] == days[last]:
                first -= 1
            deaths, d0 = 0, 0.0
            d1[:] = 0.0
            d2[:] = 0.0
            for i in range(first, last + 1):
                if group[i] < 0:
                    continue
                score = 0.0
                for c in range(m):
                    score += current[c] * x[i, used[c]]
                risk = math.exp(min(max(score, -30.0), 30.0))
                s0 += risk
                for c in range(m):
                    xc = x[i, used[c]]
                    if xc != 0.0:
                        s1[c] += risk * xc
                        for d in range(c + 1):
                            s2[c, d] += risk * xc * x[i, used[d]]
                if event[i]:
                    deaths += 1
                    d0 += risk
                    for c in range(m):
                        xc = x[i, used[c]]
                        if xc != 0.0:
                            gradient[c] += xc
                            d1[c] += risk * xc
                            for d in range(c + 1):
                                d2[c, d] += risk * xc * x[i, used[d]]
            for k in range(deaths):
                share = k / deaths
                t0 = s0 - share * d0
                for c in range(m):
                    tc = (s1[c] - share * d1[c]) / t0
                    gradient[c] -= tc
                    for d in range(c + 1):
                        td = (s1[d] - share * d1[d]) / t0
                        information[c, d] += (s2[c, d] - share * d2[c, d]) / t0 - tc * td
            last = first - 1
        a = np.empty((m, m + 1))
        for c in range(m):
            for d in range(m):
                a[c, d] = information[max(c, d), min(c, d)]
            a[c, m] = gradient[c]
        change = solve(a)
        largest = 0.0
        for c in range(m):
            if math.isnan(change[c]):
                return beta, math.nan
            largest = max(largest, abs(change[c]))
        if step == steps or largest < 1e-6:
            break
        shrink = 1.0 if largest <= 2.0 else 2.0 / largest
        for c in range(m):
            current[c] += shrink * change[c]
    a = np.zeros((m, m + 1))
    for c in range(m):
        for d in range(m):
            a[c, d] = information[max(c, d), min(c, d)]
    a[0, m] = 1.0
    variance = solve(a)[0]
    for c in range(m):
        beta[used[c]] = current[c]
    return beta, variance


@makes_arrays
def cox_of_two(days, event, group, steps, first):
    """`cox` of group 1 against group 0, by Newton steps from `first`: what is needed of the patients
    are four numbers at each time of an event, counted once. NaN where only one group is at risk."""
    n = len(days)
    at_risk, died = np.empty((2, n)), np.empty((2, n))
    times = 0
    y0, y1, gained = 0.0, 0.0, 0.0
    last = n - 1
    while last >= 0:
        start = last
        while start > 0 and days[start - 1] == days[last]:
            start -= 1
        d0, d1 = 0.0, 0.0
        for p in range(start, last + 1):
            if group[p] == 0:
                y0 += 1.0
                d0 += event[p]
            elif group[p] == 1:
                y1 += 1.0
                d1 += event[p]
        if d0 + d1 > 0.0:
            at_risk[0, times], at_risk[1, times] = y0, y1
            died[0, times], died[1, times] = d0, d1
            gained += d1
            times += 1
        last = start - 1
    if y0 == 0.0 or y1 == 0.0:
        return math.nan, math.nan
    beta, information = first, 0.0
    for step in range(steps + 1):
        risk = math.exp(min(max(beta, -30.0), 30.0))
        gradient, information = gained, 0.0
        for e in range(times):
            s0, s1 = at_risk[0, e], at_risk[1, e] * risk
            deaths = died[0, e] + died[1, e]
            if deaths == 1.0:
                share = s1 / (s0 + s1)
                gradient -= share
                information += share * (1.0 - share)
                continue
            for k in range(int(deaths)):  # Efron's ties
                left = k / deaths
                r1 = s1 - left * died[1, e] * risk
                share = r1 / (s0 - left * died[0, e] + r1)
                gradient -= share
                information += share * (1.0 - share)
        if information < _TINY:
            return math.nan, math.nan
        change = gradient / information
        if step == steps or abs(change) < 1e-6:
            break
        beta += min(max(change, -2.0), 2.0)
    return beta, 1.0 / information


@lean
def log_likelihood(days, event, group, x, beta):
    """Of Cox's model with Efron's ties at coefficients beta (p,)."""
    n = len(days)
    value, s0 = 0.0, 0.0
    last = n - 1
    while last >= 0:
        first = last
        while first > 0 and days[first - 1] == days[last]:
            first -= 1
        deaths, d0 = 0, 0.0
        for i in range(first, last + 1):
            if group[i] < 0:
                continue
            score = 0.0
            for c in range(x.shape[1]):
                score += beta[c] * x[i, c]
            risk = math.exp(min(max(score, -30.0), 30.0))
            s0 += risk
            if event[i]:
                deaths += 1
                d0 += risk
                value += score
        for k in range(deaths):
            value -= math.log(s0 - k / deaths * d0)
        last = first - 1
    return value


@makes_arrays
def likelihood_ratio(days, event, group, k, steps):
    """Chi-squared of the likelihood-ratio test of groups 0 to k - 1 (-1: left out) in Cox's model, and
    its degrees of freedom."""
    here = np.zeros(k, dtype=np.bool_)
    for p in range(len(days)):
        if group[p] >= 0:
            here[group[p]] = True
    column = np.full(k, -1)
    columns = -1
    for g in range(k):
        if here[g]:
            column[g] = columns
            columns += 1
    if columns < 1:
        return math.nan, 0
    x = np.zeros((len(days), columns))
    for p in range(len(days)):
        if group[p] >= 0 and column[group[p]] >= 0:
            x[p, column[group[p]]] = 1.0
    beta, variance = cox(days, event, group, x, steps)
    if math.isnan(variance):
        return math.nan, 0
    zero = np.zeros(columns)
    gain = log_likelihood(days, event, group, x, beta) - log_likelihood(days, event, group, x, zero)
    return max(2.0 * gain, 0.0), columns


@lean
def chi_squared(table, yates=False):
    """Pearson's chi-squared of a table, empty rows and columns left out, and its degrees of freedom;
    of two rows and two columns with Yates' continuity correction, if that is asked for."""
    rows, columns = table.shape
    total = 0.0
    for i in range(rows):
        for j in range(columns):
            total += table[i, j]
    chi2, r, c = 0.0, -1, -1
    for j in range(columns):
        column = 0.0
        for i in range(rows):
            column += table[i, j]
        c += 1 if column > 0.0 else 0
    least, inverse = math.inf, 0.0
    for i in range(rows):
        row = 0.0
        for j in range(columns):
            row += table[i, j]
        r += 1 if row > 0.0 else 0
        for j in range(columns):
            column = 0.0
            for h in range(rows):
                column += table[h, j]
            if row > 0.0 and column > 0.0:
                expected = row * column / total
                chi2 += (table[i, j] - expected) ** 2 / expected
                least = min(least, abs(table[i, j] - expected))
                inverse += 1.0 / expected
    if yates and r == 1 and c == 1:
        # All four counts are equally far from what is expected.
        chi2 = (least - min(0.5, least)) ** 2 * inverse
    return chi2, max(r, 0) * max(c, 0)


@lean
def trend(table):
    """Linear-by-linear association of a table with scores 1, 2, …: (N - 1) r^2."""
    total, u, v, uu, vv, uv = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(table.shape[0]):
        for j in range(table.shape[1]):
            c = table[i, j]
            total += c
            u += c * i
            v += c * j
            uu += c * i * i
            vv += c * j * j
            uv += c * i * j
    if total < 2:
        return math.nan
    spread = (uu - u * u / total) * (vv - v * v / total)
    if spread <= 0:
        return math.nan
    return (total - 1.0) * (uv - u * v / total) ** 2 / spread


@tiny
def outside(value, low, high):
    """How far a value lies from a range; NaN stays NaN."""
    return max(max(low - value, value - high), 0.0) if value == value else math.nan


@tiny
def crossing(height, sign):
    """How far a curve is from being above (1) or below (-1) one half; products of fractions may miss
    one half by the last bits."""
    if sign * (height - 0.5) > 1e-9:
        return 0.0
    return abs(height - 0.5) + 1e-4


@tiny
def below(n):
    """A random whole number from 0 to n - 1, from the stream that the search was seeded with."""
    return int(np.random.random() * n)
