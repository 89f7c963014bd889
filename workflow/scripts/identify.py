"""Bound what the printed figures of a study leave open, over all datasets rebuilt from them."""

from __future__ import annotations
