"""Ranges that follow from released counts: by hand, and against all tables tried one by one."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resarc.disclosure import attack as module
from resarc.disclosure.attack import Attack
from resarc.disclosure.groups import Group
from resarc.disclosure.rounding import Window

pytestmark = pytest.mark.unit

ATOMS = {"a": ("1", "2", ""), "b": ("x", "y", ""), "c": ("p", "q", "r", "")}


def group(**parts: str) -> Group:
    """group(a="1", b="xy"): one letter for each atom."""
    return Group(frozenset((root, frozenset(atoms)) for root, atoms in parts.items()))


def test_the_rest_of_an_exact_total_is_found_out_with_its_proof():
    windows = {group(): Window(20, 20), group(a="1"): Window(15, 15), group(a="2"): Window(0, 7)}
    attack = Attack(ATOMS.__getitem__, windows)
    found = attack.range_of(attack.term(group(a="2")))
    assert (found.lower, found.upper) == (0, 5)  # some may be missing
    assert found.proof >= {group(), group(a="1")}
    exact = Attack(ATOMS.__getitem__, windows | {group(a="12"): Window(20, 20)})
    found = exact.range_of(exact.term(group(a="2")))
    assert (found.lower, found.upper, found.values) == (5, 5, 1)


def test_a_count_is_found_through_another_table():
    """20 of a = 1; of these 18 are x; so at most 2 of a = 1 are y, wherever that is asked."""
    windows = {
        group(a="1"): Window(20, 20),
        group(a="1", b="x"): Window(18, 18),
        group(a="1", c="p"): Window(12, 12),
        group(b="y", c="p"): Window(0, 7),
    }
    attack = Attack(ATOMS.__getitem__, windows)
    found = attack.range_of(attack.term(group(a="1", b="y")))
    assert (found.lower, found.upper) == (0, 2)


def test_what_nobody_bounds_is_unbounded():
    attack = Attack(ATOMS.__getitem__, {group(a="1"): Window(3, np.inf)})
    found = attack.range_of(attack.term(group(a="1")))
    assert (found.lower, found.upper) == (3, np.inf)


def test_a_difference_of_two_groups():
    windows = {group(): Window(18, 22), group(a="1"): Window(13, 17)}
    attack = Attack(ATOMS.__getitem__, windows)
    found = attack.range_of(attack.difference(group(), group(a="1")))
    assert (found.lower, found.upper) == (1, 9)


def test_a_table_of_many_cells_is_known_by_its_total(monkeypatch):
    monkeypatch.setattr(module, "MOST_CELLS", 3)
    windows = {group(a="1"): Window(10, 12), group(a="1", b="x"): Window(4, 30)}
    attack = Attack(ATOMS.__getitem__, windows)
    found = attack.range_of(attack.term(group(a="1", b="x")))
    assert (found.lower, found.upper) == (4, 12)


GROUPS = [
    group(**dict(zip("ab", choice, strict=True)) | {})
    for choice in product(("1", "2", "12"), ("x", "y", "xy"))
]


@given(st.lists(st.integers(0, 2), min_size=9, max_size=9), st.data())
@settings(max_examples=40)
def test_ranges_hold_every_table_that_agrees_and_no_more(cells, data):
    """Two roots, so that the programme knows the whole joint table: cells of 0 to 2, all tried."""
    places = list(product(ATOMS["a"], ATOMS["b"]))
    chosen = data.draw(st.lists(st.sampled_from(GROUPS), min_size=2, max_size=4, unique=True))
    target = data.draw(st.sampled_from(GROUPS))

    def inside(one: Group) -> np.ndarray:
        parts = one.by_root
        return np.array([a in parts["a"] and b in parts["b"] for a, b in places], dtype=int)

    tables = np.array(list(product(range(3), repeat=9)))
    windows, agree = {}, np.ones(len(tables), dtype=bool)
    for one in chosen:
        count = int(np.array(cells) @ inside(one))
        slack = data.draw(st.integers(0, 1))
        windows[one] = Window(max(count - slack, 0), count + slack)
        sums = tables @ inside(one)
        agree &= (sums >= windows[one].lower) & (sums <= windows[one].upper)
    # Tables of which a cell is above 2 agree as well; they only widen what is found by trying.
    values = tables[agree] @ inside(target)
    attack = Attack(ATOMS.__getitem__, {target: Window(0, np.inf)} | windows)
    found = attack.range_of(attack.term(target))
    assert found.lower <= values.min()
    assert found.upper >= values.max()
    for one in chosen:
        term = attack.term(one)
        known = attack.range_of(term)
        assert windows[one].lower <= known.lower <= known.upper <= windows[one].upper
