"""Log-rank tests and rates of many labelings of the same event histories.

While labels are exchanged times stand still, so that each history is sorted once and the kernels
below only permute labels: a few cumulative sums for a log-rank test, none for a rate before the
first censoring. Arrays are (members, candidates, patients). The results are those of
`survival.batch` (a test holds them together); what a member is in the end is judged by that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from resarc.reconstruct.histories import History
from resarc.survival.batch import quadratic_form


@dataclass(frozen=True)
class Sequence:
    """Event histories (M, n) in the order of time, events before censorings of the same day.

    `index` sorts patients; `first` and `last` are the positions of the first and last patient with
    the same time; `days` and `event` are in the order of time.
    """

    index: np.ndarray
    days: np.ndarray
    event: np.ndarray
    first: np.ndarray
    last: np.ndarray
    tied: bool

    @classmethod
    def of(cls, history: History) -> Sequence:
        key = history.days * 2 + ~history.event
        index = np.argsort(key, axis=1, kind="stable")
        key = np.take_along_axis(key, index, axis=1)
        days = key // 2
        position = np.broadcast_to(np.arange(days.shape[1]), days.shape)
        new = np.ones(days.shape, dtype=bool)
        new[:, 1:] = days[:, 1:] != days[:, :-1]
        first = np.maximum.accumulate(np.where(new, position, 0), axis=1)
        end = np.ones(days.shape, dtype=bool)
        end[:, :-1] = new[:, 1:]
        back = np.where(end, position, days.shape[1] - 1)[:, ::-1]
        last = np.minimum.accumulate(back, axis=1)[:, ::-1]
        return cls(index, days, key % 2 == 0, first, last, not new.all())

    def take(self, members: np.ndarray) -> Sequence:
        return Sequence(
            self.index[members],
            self.days[members],
            self.event[members],
            self.first[members],
            self.last[members],
            self.tied,
        )

    def sort(self, values: np.ndarray) -> np.ndarray:
        """Candidates' values (M, C, n) in the order of time."""
        index = np.broadcast_to(self.index[:, None, :], values.shape)
        return np.take_along_axis(values, index, axis=2)

    def _at(self, positions: np.ndarray, values: np.ndarray) -> np.ndarray:
        if not self.tied:
            return values
        return np.take_along_axis(
            values, np.broadcast_to(positions[:, None, :], values.shape), axis=2
        )

    def logrank_parts(
        self, group: np.ndarray, k: int, mask: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """p (M, C) of the log-rank test of k groups, observed less expected events (M, C, k) and
        their covariance (M, C, k, k).

        `group` holds codes (M, C, n) in the order of time, `mask` who takes part.
        """
        event = self.event[:, None, :] if mask is None else self.event[:, None, :] & mask
        if mask is None:
            at_risk = np.arange(self.days.shape[1], 0.0, -1.0)[None, None, :]
            at_risk = self._at(
                self.first, np.broadcast_to(at_risk, (len(self.days), 1, at_risk.size))
            )
        else:
            at_risk = self._at(self.first, _from_here(mask))
        deaths: np.ndarray | float = 1.0
        if self.tied:
            total = np.cumsum(event, axis=2, dtype=float)
            deaths = (
                self._at(self.last, total)
                - self._at(self.first, total)
                + self._at(self.first, event)
            )
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = np.where(event, 1 / at_risk, 0.0)
            spread = np.where(event & (at_risk > 1), (at_risk - deaths) / (at_risk - 1), 0.0)
        difference = np.empty((*group.shape[:2], k))
        share = []
        for g in range(k - 1):
            mine = group == g if mask is None else (group == g) & mask
            share.append(self._at(self.first, _from_here(mine)) * inverse)
            difference[:, :, g] = (event & mine).sum(axis=2) - share[g].sum(axis=2)
        difference[:, :, -1] = -difference[:, :, :-1].sum(axis=2)
        covariance = np.zeros((*group.shape[:2], k, k))
        for g, mine in enumerate(share):
            weighted = spread * mine
            for h, other in enumerate(share[: g + 1]):
                value = (weighted * ((1 - mine) if g == h else -other)).sum(axis=2)
                covariance[:, :, g, h] = covariance[:, :, h, g] = value
        covariance[:, :, -1, :-1] = covariance[:, :, :-1, -1] = -covariance[:, :, :-1, :-1].sum(
            axis=3
        )
        covariance[:, :, -1, -1] = -covariance[:, :, -1, :-1].sum(axis=2)
        if k == 2:
            variance = covariance[:, :, 0, 0]
            with np.errstate(divide="ignore", invalid="ignore"):
                chi2 = np.where(variance > 0, difference[:, :, 0] ** 2 / variance, np.nan)
            return chdtrc(1.0, chi2), difference, covariance
        _, _, p = quadratic_form(difference.reshape(-1, k), covariance.reshape(-1, k, k))
        return p.reshape(group.shape[:2]), difference, covariance

    def exchange_terms(
        self, first: np.ndarray, mask: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What exchanging two patients does to the log-rank test of two groups, exactly.

        `first` (M, 1, n) says who is in the first group, in the order of time. Returns, per
        patient and in the order of patients, the residual r, and A and B (all (M, n)); and the
        members' observed less expected events U and their variance V (M,). If i leaves the first
        group for the second and j comes from there, U becomes U + r_j - r_i, and V becomes
        V + (A_j - A_i) - |B_j - B_i|: between the two times one more or one fewer of the first
        group is at risk, which changes each term w p (1 - p) of the variance by
        w ((1 - 2 p) / Y - 1 / Y^2) or w (-(1 - 2 p) / Y - 1 / Y^2).
        """
        part = np.ones(first.shape, dtype=bool) if mask is None else mask
        mine = first & part
        event = self.event[:, None, :] & part
        at_risk = self._at(self.first, _from_here(part))
        total = np.cumsum(event, axis=2, dtype=float)
        deaths = (
            self._at(self.last, total) - self._at(self.first, total) + self._at(self.first, event)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = np.where(event, 1 / at_risk, 0.0)
            weight = np.where(event & (at_risk > 1), (at_risk - deaths) / (at_risk - 1), 0.0)
        share = self._at(self.first, _from_here(mine)) * inverse
        u = (event & mine).sum(axis=2) - share.sum(axis=2)
        v = (weight * share * (1 - share)).sum(axis=2)

        def so_far(values: np.ndarray) -> np.ndarray:
            """Sum over all events up to each patient's time, in the order of patients."""
            ordered = np.where(part, self._at(self.last, np.cumsum(values, axis=2)), 0.0)[:, 0, :]
            found = np.empty_like(ordered)
            np.put_along_axis(found, self.index, ordered, axis=1)
            return found

        own = np.empty(self.event.shape)
        np.put_along_axis(own, self.index, event[:, 0, :].astype(float), axis=1)
        a = so_far(weight * (1 - 2 * share) * inverse)
        b = so_far(weight * inverse**2)
        return own - so_far(inverse), a, b, u[:, 0], v[:, 0]

    def survival(self, mask: np.ndarray, days: list[float]) -> tuple[np.ndarray, np.ndarray]:
        """Kaplan-Meier S and the standard error of log S (M, C, times) among `mask`, given in the
        order of time; NaN beyond the last follow-up unless S is 0."""
        until = [(self.days <= time) for time in days]
        size = mask.sum(axis=2)
        last = np.where(mask, self.days[:, None, :], 0).max(axis=2)
        survival = np.empty((*mask.shape[:2], len(days)))
        error = np.empty_like(survival)
        censored_before = [bool((part & ~self.event).any()) for part in until]
        if any(censored_before):
            at_risk = _from_here(mask)
            died = mask & self.event[:, None, :]
            with np.errstate(divide="ignore", invalid="ignore"):
                factor = np.where(died, np.log1p(-1 / at_risk), 0.0)
                term = np.where(died, 1 / (at_risk * (at_risk - 1.0)), 0.0)
        for k, part in enumerate(until):
            gone = (mask & part[:, None, :]).sum(axis=2)
            with np.errstate(divide="ignore", invalid="ignore"):
                if censored_before[k]:
                    s = np.exp(np.where(part[:, None, :], factor, 0.0).sum(axis=2))
                    greenwood = np.where(part[:, None, :], term, 0.0).sum(axis=2)
                else:  # nobody censored: everybody gone has died
                    s = 1 - gone / size
                    greenwood = 1 / (size - gone) - 1 / size
                unknown = ((days[k] > last) & (s > 1e-12)) | (size == 0)
                survival[:, :, k] = np.where(unknown, np.nan, s)
                error[:, :, k] = np.sqrt(np.maximum(greenwood, 0.0))
        return survival, error


def _from_here(values: np.ndarray) -> np.ndarray:
    """Sum over this and all later positions."""
    return np.cumsum(values[:, :, ::-1], axis=2, dtype=float)[:, :, ::-1]
