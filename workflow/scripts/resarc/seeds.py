"""Random streams that depend on what is computed, never on when, where or in which order."""

from __future__ import annotations

import hashlib

import numpy as np


def stream(study: str, stage: str, replicate: int = 0, *, seed: int = 0) -> np.random.Generator:
    """A random generator for one replicate of one stage of one study.

    Streams of different (seed, study, stage, replicate) are independent for all purposes: each is
    seeded from the SHA-256 of the four, so that adding a study or a member changes no other.
    """
    key = f"{seed}\x1f{study}\x1f{stage}\x1f{replicate}".encode()
    return np.random.default_rng(np.frombuffer(hashlib.sha256(key).digest(), dtype=np.uint32))
