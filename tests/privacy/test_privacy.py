"""Pseudonyms, their key, top-coding, and what is shown of a cell that cannot be read."""

import hashlib
import hmac

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resarc.errors import ConfigurationError
from resarc.privacy import (
    fingerprint,
    keyed_hash,
    outline,
    pseudonyms,
    read_key,
    top_coded,
    top_coded_days,
)

pytestmark = pytest.mark.unit

KEY = b"d41d8cd98f00b204e9800998ecf8427e"


def test_a_pseudonym_is_the_hmac_of_its_parts():
    expected = hmac.new(KEY, b"7:patient5:study3:101", hashlib.sha256).hexdigest()[:16]
    assert keyed_hash(KEY, "patient", "study", "101") == expected
    assert pseudonyms(["101", None, float("nan")], "study", KEY) == [expected, None, None]


def test_hmac_is_that_of_the_standard():
    """RFC 4231, test case 2, through the same library call."""
    key, message = b"Jefe", b"what do ya want for nothing?"
    digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert hmac.digest(key, message, "sha256").hex() == digest


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_different_parts_have_different_hashes(one, other):
    assert (keyed_hash(KEY, *one) == keyed_hash(KEY, *other)) == (one == other)


def test_the_same_patient_differs_between_studies_and_keys():
    (a,), (b,), (c,) = (
        pseudonyms(["101"], study, key) for study, key in (("x", KEY), ("y", KEY), ("x", KEY[::-1]))
    )
    assert len({a, b, c}) == 3


def test_a_fingerprint_tells_keys_apart_and_is_no_part_of_them():
    assert fingerprint(None) == ""
    assert fingerprint(KEY) != fingerprint(KEY[::-1])
    assert fingerprint(KEY) not in KEY.decode()
    assert len(fingerprint(KEY)) == 8


@pytest.fixture
def project(tmp_path):
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def test_a_key_is_read_without_the_line_end(tmp_path, project):
    (tmp_path / "key").write_bytes(KEY + b"\r\n")
    assert read_key(tmp_path / "key", project) == KEY


@pytest.mark.parametrize(
    ("content", "inside", "words"),
    [
        (None, False, "no readable file"),
        (KEY, True, "within the project"),
        (KEY[:20], False, "20 bytes"),
        (b"", False, "0 bytes of 0 kinds"),
        (b"ab" * 40, False, "80 bytes of 2 kinds"),
    ],
)
def test_a_key_that_is_none_is_refused_with_a_remedy(tmp_path, project, content, inside, words):
    path = (project if inside else tmp_path) / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=words) as caught:
        read_key(path, project)
    assert caught.value.remedy
    if content:
        assert content.decode() not in str(caught.value)


def test_a_link_into_the_project_is_found_out(tmp_path, project):
    (project / "key").write_bytes(KEY)
    (tmp_path / "link").symlink_to(project / "key")
    with pytest.raises(ConfigurationError, match="within the project"):
        read_key(tmp_path / "link", project)


def test_top_coding_caps_ages_and_leaves_years_and_missing():
    values = pd.Series([89.9, 90, 90.1, 104, 2019, None])
    capped, count = top_coded(values, 90)
    assert capped[:5].tolist() == [89.9, 90, 90, 90, 2019]
    assert capped.isna().tolist() == [False] * 5 + [True]
    assert count == 2
    assert top_coded(values, None)[1] == 0
    days, count = top_coded_days(pd.Series([-40000, -32872.5, 10, None]))
    assert days[:3].tolist() == [-32872.5, -32872.5, 10]
    assert count == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Jane Doe", "Aaaa Aaa"),
        ("MRN-0012345", "AAA-9999999"),
        ("2014/05/01", "9999/99/99"),
        ("4.5", "9.9"),
        ("W", "W"),
        ("999", "999"),
        ("-61", "-61"),
        ("1234", "9999"),
        (" FEMALE ", " FEMALE "),
        ("田中", "aa"),
        ("é", "a"),
        ("=HYPERLINK(A1)", "=AAAAAAAAA(A9)"),
        ("<b>", "<a>"),
        ("", ""),
    ],
)
def test_an_outline_tells_the_form(text, shown):
    assert outline(text, ["female", "m"]) == shown


@given(st.text(min_size=4))
def test_an_outline_keeps_no_letter_and_no_digit(text):
    form = outline(text).split("… (")[0]
    if form != text:
        assert not any(c.isalnum() and c not in "Aa9" for c in form)
        assert len(form) <= 40


def test_a_long_text_is_cut_with_its_length():
    assert outline("x" * 300) == "a" * 40 + "… (300 characters)"
