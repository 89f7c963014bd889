"""However the long work is split, and on however many cores, the results are the same bytes."""

import hashlib

import pytest

pytestmark = pytest.mark.end_to_end

WANTED = ("results/okayama2022/identified.csv", "results/okayama2022/reanalysis.csv")


def test_split_or_not_the_results_are_the_same_bytes(copy_repository, tmp_path):
    found = []
    for cores, chunks in ((1, 1), (2, 3)):
        folder = tmp_path / str(chunks)
        folder.mkdir()
        copy = copy_repository(folder)
        copy.edit("config/config.yaml", "chunks: auto\n", f"chunks: {chunks}\n")
        # More than one chunk of 50 datasets: otherwise there is nothing to split.
        copy.edit("config/config.yaml", "members: 200\n", "members: 51\n")
        done = copy.snakemake("--cores", str(cores), *WANTED)
        assert done.returncode == 0, done.stdout + done.stderr
        assert ("part 1 of 2" in done.stderr) == (chunks > 1)
        for turn in (0, 1):
            told = f"Seeking ends of okayama2022, pass {turn}, part 2 of 3"
            assert (told in done.stderr) == (chunks > 1)
        files = [p for p in (copy / "results").rglob("*") if p.is_file() and p.name[0] != "."]
        found.append(
            {
                path.relative_to(copy.root).as_posix(): hashlib.sha256(
                    path.read_bytes()
                ).hexdigest()
                for path in files
            }
        )
        assert not list((copy / ".snakemake").glob("resarc.parts/*/*")), "parts are gone"
    assert found[0] == found[1]
    assert {*WANTED, "results/okayama2022/reconstruction/extremes.parquet"} <= set(found[0])
