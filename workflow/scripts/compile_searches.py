"""Compile the searches of the reconstruction before the first job needs them, on an invented study of a
few patients: once for an environment and a state of the code.

`make setup` does it, and a run in whose environment nobody did (Snakefile). A job that finds them not
compiled all the same, on a cluster's node with another processor, compiles what it needs by itself.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from command import command_line
from resarc import compiled

NOTES = Path(__file__).parent / compiled.KEPT

SEX = {"female": ["F"], "male": ["M"]}
PROTOCOL = {
    "study": "invented",
    "reference": "invented",
    "title": "Twelve patients whom nobody met",
    "population": "Invented patients",
    "origin_label": "operation",
    "source": {"kind": "reconstruction"},
    "variables": [
        {"name": "sex", "column": "Sex", "label": "Sex", "type": "category", "categories": SEX},
        {"name": "age", "column": "Age", "label": "Age", "type": "integer"},
        {"name": "size", "column": "Size", "label": "Size", "type": "integer"},
        {"name": "months", "column": "Months", "label": "Months", "type": "number"},
        {
            "name": "vital",
            "column": "Status",
            "label": "Status",
            "type": "category",
            "categories": {"alive": ["0"], "dead": ["1"]},
        },
    ],
    "eligibility": [
        {"id": "adults", "label": "Adults", "keep": [{"variable": "age", "at_least": 18}]}
    ],
    "endpoints": [
        {
            "name": "os",
            "label": "Overall survival",
            "definition": "Operation to death",
            "time": "months",
            "happened": [{"variable": "vital", "one_of": ["dead"]}],
        }
    ],
    "analyses": [
        {"id": "survival", "label": "Survival", "kind": "survival", "endpoint": "os", "at": ["24 months"]}
    ],
    "reconstruction": {"period": ["2000-01-01", "2010-01-01"], "last_contact": "2011-01-01"},
}  # fmt: skip
PRINTED = {
    "n": "12", "n{sex=female}": "6", "os.survival(24 months)": "0.5", "os.logrank_p by sex": "0.5",
    "age.median": "60", "age.mean": "59", "size.mean": "5",
}  # fmt: skip
SOUGHT = ("os.hazard_ratio by sex(male / female)", "os.events")
CURVE = {
    "id": "figure",
    "endpoint": "os",
    "file": "points.csv",
    "tolerance": 0.05,
    "locator": "Figure",
    "groups": [
        {"level": "", "points": [[0, 1.0], [12, 0.75], [24, 0.5]], "at_risk": [[0, 12], [12, 8]]}
    ],
}


def main() -> None:
    command_line(__doc__, reads=[], writes=[]).parse_args()
    if are_compiled():
        return
    with alone():
        if are_compiled():
            return
        print("Compiling the searches of the reconstruction (a minute, once)", flush=True)
        compile_all()
        write_note()


def are_compiled() -> bool:
    """Whether it was done for this Python, numba and state of the code, and no file was written anew
    since, after which numba would compile it once more."""
    try:
        done = note().stat().st_mtime
    except OSError:
        return False
    return all(path.stat().st_mtime <= done for path in compiled.sources())


def note() -> Path:
    return NOTES / f"{_start()}-{version('numba')}-{compiled.state(compiled.sources())}"


def _start() -> str:
    """Several Pythons may share the folder."""
    return f"searches-{sys.implementation.cache_tag}"


def write_note() -> None:
    """In a folder that cannot be written, each run looks anew; numba keeps its files elsewhere then."""
    with contextlib.suppress(OSError):
        NOTES.mkdir(exist_ok=True)
        for old in NOTES.glob(f"{_start()}-*"):
            old.unlink(missing_ok=True)
        note().touch()


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Wait until no other process compiles, where the file system knows locks."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            NOTES.mkdir(exist_ok=True)
            handle = stack.enter_context((NOTES / "searches.lock").open("a", encoding="utf-8"))
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def compile_all() -> None:
    """Whatever the engine compiles, by rebuilding the invented study and seeking its ends."""
    import numpy as np

    from resarc.estimand import Estimand
    from resarc.identify import unreached
    from resarc.identify.push import prepare, push
    from resarc.protocol import Protocol
    from resarc.published import Published
    from resarc.reconstruct.engine import reconstruct

    protocol = Protocol.model_validate(PROTOCOL)
    figures = [
        {"id": f"f{k}", "estimand": estimand, "printed": text, "locator": "Text"}
        for k, (estimand, text) in enumerate(PRINTED.items())
    ]
    study = {
        "study": "invented",
        "reference": "invented",
        "reading": "Invented",
        "endpoints": ["os"],
    }
    published = Published.model_validate(study | {"figures": figures})
    found = reconstruct(protocol, published, members=2, seed=1)
    sought = [Estimand.parse(text) for text in SOUGHT]
    push(sought, found.ensemble, protocol, published, found.targets, seed=1, effort=0)
    # What a study as small as this needs by chance only.
    for search in prepare(sought, found.ensemble, protocol, published, found.targets, seed=1):
        unreached.annealed(search.ensemble, search.targets, published, np.random.default_rng(1))
    drawn = Published.model_validate(study | {"figures": figures[:1], "curves": [CURVE]})
    reconstruct(protocol, drawn, members=2, seed=1)


if __name__ == "__main__":
    main()
