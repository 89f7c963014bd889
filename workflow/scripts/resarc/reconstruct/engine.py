"""The rebuilding of a study's datasets: decide once, build every chunk, gather.

`reconstruct` does it all; where chunks of members are built by several jobs, `decide`, `build_chunk`
and `gather` are called one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic

import numpy as np
import pandas as pd

from resarc.ensemble import Ensemble, from_frame, to_frame
from resarc.errors import ReconstructionError
from resarc.protocol import Protocol
from resarc.published import Published
from resarc.reconstruct import admission, outcome, readings, setting_aside, unsaid
from resarc.reconstruct.members import CHUNK, PILOT, build, mixed
from resarc.reconstruct.plan import Plan
from resarc.reconstruct.readings import Hypothesis
from resarc.reconstruct.scheme import Scheme

Progress = Callable[[str], None]


def silent(_: str) -> None:
    """No word of progress."""


@dataclass(frozen=True)
class Reconstruction:
    """`ensemble` in the contract's columns, `hypothesis` naming the reading that a member was built on;
    `targets` one row per printed figure; `hypotheses` what was asked of them, and `conflicts` which
    of them cannot hold together."""

    ensemble: pd.DataFrame
    targets: pd.DataFrame
    hypotheses: pd.DataFrame
    conflicts: pd.DataFrame


def reconstruct(
    protocol: Protocol,
    published: Published,
    *,
    members: int,
    seed: int,
    progress: Progress = silent,
) -> Reconstruction:
    """`members` datasets of a study from its printed figures: `decide`, every chunk, `gather`.

    Raises `ReconstructionError` if the figures do not say how many patients there are, or if no
    dataset can be found that holds the counts.
    """
    scheme = decide(protocol, published, seed=seed, progress=progress)
    frames = []
    began = monotonic()
    for chunk in range(chunks(members)):
        frames.append(build_chunk(scheme, chunk, members=members))
        done = min((chunk + 1) * CHUNK, members)
        left = (monotonic() - began) / done * (members - done)
        progress(f"{done} of {members} datasets" + (f", about {left:.0f} s left" if left else ""))
    return gather(scheme, frames)


def decide(
    protocol: Protocol, published: Published, *, seed: int, progress: Progress = silent
) -> Scheme:
    """What is decided once: which readings data can bear, and what must be set aside under each.

    The result can be written and read (`scheme.to_json`, `scheme.from_json`), so that chunks can be
    built by jobs of their own.
    """
    if protocol.reconstruction is None:
        raise ReconstructionError(f"protocol of {protocol.study}", "no key 'reconstruction'", "one")
    patients = published.count()
    if not patients:
        raise ReconstructionError(
            f"published figures of {published.study}",
            "no figure of the estimand 'n'",
            "the number of patients",
            "Add the printed number of patients.",
        )
    admission.check(published, protocol)
    found = readings.read(published, protocol, patients, seed, progress)
    asked = [unsaid.settle(r) for r in found.live]
    prepared: list[Plan] = []
    for a in asked:
        # What costs more than another reading is not borne by data: no search shows how much more.
        most = min((setting_aside.cost(p.aside) for p in prepared), default=np.inf)
        like = prepared[0] if prepared else None
        plan = setting_aside.prepare(
            a.reading, published, patients, seed, progress, most=most, like=like
        )
        prepared.append(plan)
    more, rows = _departures(asked[0], prepared[0], progress)
    hypotheses = (*found.hypotheses, *asked[0].hypotheses, *rows)
    return Scheme(protocol, published, (*prepared, *more), hypotheses, found.conflicts, seed)


def _departures(
    asked: unsaid.Asked, first: Plan, progress: Progress
) -> tuple[list[Plan], list[Hypothesis]]:
    """Plans under other answers to what the paper leaves unsaid, each from the first plan, as far as
    they cost no more printed figures."""

    def trials() -> Ensemble | None:
        return build(first, PILOT + 1, unsaid.TRIALS)[0]

    found, rows = unsaid.departures(asked, first.aside, trials)
    plans = []
    most = setting_aside.cost(first.aside)
    for departure in found:
        plan = setting_aside.prepare(
            departure.reading, first.published, first.patients, first.seed, progress,
            most=most, like=first,
        )  # fmt: skip
        borne = setting_aside.cost(plan.aside) <= most
        rows.append(unsaid.outcome_of(departure, borne))
        plans += [plan] if borne else []
    return plans, rows


def chunks(members: int) -> int:
    """How many chunks so many members make."""
    return -(-members // CHUNK)


def build_chunk(scheme: Scheme, chunk: int, *, members: int) -> pd.DataFrame:
    """The members of one chunk, numbers `CHUNK` * chunk and on, as the rows of ensemble.parquet.

    They depend on the scheme and on the chunk's number, and on nothing else: `members`, how many are
    asked for in all, only says how many of a last chunk are wanted.
    """
    first = chunk * CHUNK
    wanted = min(CHUNK, members - first)
    if wanted <= 0:
        raise ValueError(f"chunk {chunk} of {members} members")
    plans = scheme.plans
    ensemble = mixed(plans, chunk, wanted, scheme.protocol)
    names = [plans[m % len(plans)].reading.name for m in range(first, first + wanted)]
    frame = to_frame(ensemble)
    frame["member"] += first
    frame.insert(2, "hypothesis", np.repeat(names, ensemble.shape[1]))
    return frame


def gather(scheme: Scheme, frames: Iterable[pd.DataFrame]) -> Reconstruction:
    """The reconstruction from the frames of all its chunks, in their order."""
    frame = pd.concat(frames, ignore_index=True)
    ensemble = from_frame(frame, scheme.protocol)
    plans = scheme.plans
    return Reconstruction(
        frame,
        outcome.target_table(plans, ensemble, scheme.published),
        outcome.hypothesis_table(scheme.hypotheses, list(scheme.prepared), plans, ensemble),
        outcome.conflict_table(scheme.conflicts, plans, scheme.published),
    )
