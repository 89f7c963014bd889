"""A registry that does not fit is told before it is read."""

import pytest

from memory import TooLargeError, available, check_fits, needs

pytestmark = pytest.mark.unit


def test_what_was_measured_is_needed():
    for patients, measured in ((50_000, 0.25), (400_000, 0.71)):
        assert needs(patients * 87) / 2**30 == pytest.approx(measured, rel=0.1)


def test_ten_million_patients_need_less_than_20_gib():
    assert needs(10_000_000 * 87) < 20 * 2**30


def test_a_file_that_does_not_fit_is_named_with_what_to_do(tmp_path):
    path = tmp_path / "registry.csv"
    with path.open("wb") as handle:
        handle.truncate(10**9)  # a sparse file: nothing is written
    check_fits([path], 17 * 10**9)
    with pytest.raises(
        TooLargeError, match=r"registry\.csv: found 1\.0 GB.* about 16 GB"
    ) as caught:
        check_fits([path], 8 * 10**9)
    assert "8 GB" in str(caught.value)
    assert "docs/scaling.md" in str(caught.value)


def test_nothing_is_claimed_of_packed_formats_or_unknown_machines(tmp_path):
    path = tmp_path / "registry.xlsx"
    path.write_bytes(b"x" * 1000)
    check_fits([path], 1)
    path = tmp_path / "registry.csv"
    path.write_bytes(b"x" * 1000)
    check_fits([path], None)


def test_this_machine_has_some():
    assert available() is None or available() > 0
