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

from resarc.compiled import njit

PLAIN, LOG, LOG_LOG = 0, 1, 2
INTERVALS = {"plain": PLAIN, "log": LOG, "log-log": LOG_LOG}

_TINY = 1e-12


@njit(cache=True, error_model="numpy")
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


@njit(cache=True, error_model="numpy")
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


@njit(cache=True, error_model="numpy")
def logrank(days, event, group, k, weighting=0):
    """Chi-squared of the log-rank test of groups 0 to k - 1 (-1: left out), its degrees of freedom
    and observed less expected events (k,). Groups that are at risk at no event are left out.

    `weighting`: 0 none, 1 number at risk (Gehan-Breslow), 2 its root (Tarone-Ware), 3 survival just
    before (Peto-Peto)."""
    at_risk = np.zeros(k)
    for p in range(len(days)):
        if group[p] >= 0:
            at_risk[group[p]] += 1.0
    excess = np.zeros(k)
    covariance = np.zeros((k, k))
    died = np.zeros(k)
    before = 1.0
    p, n = 0, len(days)
    while p < n:
        last = p
        while last + 1 < n and days[last + 1] == days[p]:
            last += 1
        deaths = 0.0
        for q in range(p, last + 1):
            if event[q] and group[q] >= 0:
                died[group[q]] += 1.0
                deaths += 1.0
        if deaths > 0:
            total = 0.0
            for g in range(k):
                total += at_risk[g]
            weight = deaths * (total - deaths) / (total - 1.0) if total > 1.0 else 0.0
            w = 1.0
            if weighting > 0:
                w = total if weighting == 1 else math.sqrt(total) if weighting == 2 else before
                before *= 1.0 - deaths / total
                weight *= w * w
            for g in range(k):
                share = at_risk[g] / total
                excess[g] += w * (died[g] - deaths * share)
                died[g] = 0.0
                for h in range(g + 1):
                    if g == h:
                        covariance[g, g] += weight * share * (1.0 - share)
                    else:
                        covariance[g, h] -= weight * share * at_risk[h] / total
        for q in range(p, last + 1):
            if group[q] >= 0:
                at_risk[group[q]] -= 1.0
        p = last + 1
    used = np.empty(k, dtype=np.int64)
    m = 0
    for g in range(k):
        if covariance[g, g] > _TINY:
            used[m] = g
            m += 1
    if m < 2:
        return math.nan, 0, excess
    if m == 2:
        g = used[0]
        return excess[g] * excess[g] / covariance[g, g], 1, excess
    size = m - 1
    a = np.empty((size, size + 1))
    for i in range(size):
        for j in range(size):
            g, h = used[i], used[j]
            a[i, j] = covariance[max(g, h), min(g, h)]
        a[i, size] = excess[used[i]]
    solution = solve(a)
    chi2 = 0.0
    for i in range(size):
        chi2 += solution[i] * excess[used[i]]
    return chi2, size, excess


@njit(cache=True, error_model="numpy")
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


@njit(cache=True, error_model="numpy")
def exchange_terms(days, event, group, residual, a, b):
    """What moving patients between two groups does to the log-rank test, exactly.

    `group` is 0, 1 or -1 (left out). Fills, in the order of time, each patient's residual r and the
    sums A and B; returns observed less expected events U of group 0 and their variance V. If i
    leaves group 0 for 1, U becomes U - r_i and V becomes V - A_i - B_i; if j comes from 1, U becomes
    U + r_j and V becomes V + A_j - B_j; if both do, V becomes V + A_j - A_i - |B_j - B_i|: between
    the two times one more or one fewer of group 0 is at risk, which changes each term w p (1 - p)
    of the variance by w ((1 - 2 p) / Y - 1 / Y^2) or w (-(1 - 2 p) / Y - 1 / Y^2).
    """
    total, mine = 0.0, 0.0
    for p in range(len(days)):
        if group[p] >= 0:
            total += 1.0
            if group[p] == 0:
                mine += 1.0
    u, v, hazard, sum_a, sum_b = 0.0, 0.0, 0.0, 0.0, 0.0
    p, n = 0, len(days)
    while p < n:
        last = p
        while last + 1 < n and days[last + 1] == days[p]:
            last += 1
        deaths, own = 0.0, 0.0
        for q in range(p, last + 1):
            if event[q] and group[q] >= 0:
                deaths += 1.0
                if group[q] == 0:
                    own += 1.0
        if deaths > 0:
            share = mine / total
            weight = deaths * (total - deaths) / (total - 1.0) if total > 1.0 else 0.0
            u += own - deaths * share
            v += weight * share * (1.0 - share)
            hazard += deaths / total
            sum_a += weight * (1.0 - 2.0 * share) / total
            sum_b += weight / (total * total)
        for q in range(p, last + 1):
            residual[q] = (1.0 if event[q] else 0.0) - hazard
            a[q], b[q] = sum_a, sum_b
            if group[q] >= 0:
                total -= 1.0
                if group[q] == 0:
                    mine -= 1.0
        p = last + 1
    return u, v


@njit(cache=True, error_model="numpy")
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


@njit(cache=True, error_model="numpy")
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


@njit(cache=True, error_model="numpy")
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


@njit(cache=True, error_model="numpy")
def chi_squared(table, yates=False):
    """Pearson's chi-squared of a table, empty rows and columns left out, and its degrees of freedom;
    of two rows and two columns with Yates' continuity correction, if that is asked for."""
    rows, columns = np.zeros(table.shape[0]), np.zeros(table.shape[1])
    total = 0.0
    for i in range(table.shape[0]):
        for j in range(table.shape[1]):
            rows[i] += table[i, j]
            columns[j] += table[i, j]
            total += table[i, j]
    chi2 = 0.0
    for i in range(table.shape[0]):
        for j in range(table.shape[1]):
            expected = rows[i] * columns[j] / total if total > 0 else 0.0
            if expected > 0:
                chi2 += (table[i, j] - expected) ** 2 / expected
    r, c = -1, -1
    for i in range(table.shape[0]):
        r += 1 if rows[i] > 0 else 0
    for j in range(table.shape[1]):
        c += 1 if columns[j] > 0 else 0
    if yates and r == 1 and c == 1:
        least, inverse = math.inf, 0.0
        for i in range(table.shape[0]):
            for j in range(table.shape[1]):
                expected = rows[i] * columns[j] / total
                if expected > 0:
                    least = min(least, abs(table[i, j] - expected))
                    inverse += 1.0 / expected
        # All four counts are equally far from what is expected.
        chi2 = (least - min(0.5, least)) ** 2 * inverse
    return chi2, max(r, 0) * max(c, 0)


@njit(cache=True, error_model="numpy")
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


@njit(cache=True, error_model="numpy")
def outside(value, low, high):
    """How far a value lies from a range; NaN stays NaN."""
    return max(max(low - value, value - high), 0.0) if value == value else math.nan


@njit(cache=True, error_model="numpy")
def crossing(height, sign):
    """How far a curve is from being above (1) or below (-1) one half; products of fractions may miss
    one half by the last bits."""
    if sign * (height - 0.5) > 1e-9:
        return 0.0
    return abs(height - 0.5) + 1e-4


@njit(cache=True, error_model="numpy")
def below(n):
    """A random whole number from 0 to n - 1, from the stream that the search was seeded with."""
    return int(np.random.random() * n)
