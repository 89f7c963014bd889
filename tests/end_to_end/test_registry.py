"""A registry through its life: three exports, a corrections file, identifiers in every field.

What is held here: no identifier passes `clean`, into whatever file; a new export is held against the
earlier ones, also after `make clean`; it runs its own study anew and no other; the same exports give
the same bytes; two releases do not give a small count away by their difference.
"""

import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from resarc.configuration import read_yaml
from resarc.disclosure.record import read_record
from resarc.output import read_csv, read_parquet
from resarc.settings import Disclosure

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).parents[2]
STUDY, OTHER = "registry", "qu2024"
KEY = "5d1c0a97b3e84f62905a7cd1e6f3b2480c9e7d5a"
EXPORTS = {"2025-01-31": 480, "2025-07-31": 500, "2026-01-31": 600}
"""Day of export, and how many patients it has."""
NAME = "Quixworth"
"""A name that nothing else in a result could be."""
BORN = "1993-07-19"
"""A date of a planted patient that is valid where it stands."""


def identifier(number: str) -> str:
    return f"ZQ{number}K"


def patients() -> pd.DataFrame:
    """600 simulated patients, the last one's cells filled with what must not be seen again."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from simulation import simulate

    from resarc.seeds import stream

    frame, _ = simulate(600, stream("registry", "test"))
    frame["PATIENT_ID"] = frame["PATIENT_ID"].map(identifier)
    frame["REMARK"] = [f"{NAME} {i}, born {BORN}" for i in range(len(frame))]
    planted = [name for name in frame if name != "REMARK"]
    for row, name in enumerate(planted, start=20):
        frame.loc[row, name] = f"{NAME}{name} {BORN} 0049-176-555{row}"
    frame.loc[60, ["DIAGNOSIS", "TREATMENT"]] = BORN
    frame.loc[60, ["PROGRESSION", "DEATH", "LAST_CONTACT", "STATUS"]] = [
        "", "", "2001-05-23", "alive",
    ]  # fmt: skip
    return frame


def export(copy, day: str) -> None:
    """Put an export in the place of the one before; some of what earlier ones said has changed."""
    frame = patients().iloc[: EXPORTS[day]].copy()
    if day > "2025-01-31":
        frame.loc[100:104, "SIZE_CM"] = "9.9"
    frame.to_csv(copy / "data/patients.csv", index=False)
    path = copy / f"config/studies/{STUDY}.yaml"
    content = read_yaml(ROOT / "benchmarks/registry.yaml")
    content["source"] |= {"file": "data/patients.csv", "exported": day}
    path.write_text(json.dumps(content, default=str), encoding="utf-8")


def run(copy, *arguments: str) -> str:
    done = copy.snakemake("--cores", "2", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def clean(copy) -> None:
    """What `make clean` removes."""
    for name in ("results", "logs", ".snakemake"):
        shutil.rmtree(copy / name, ignore_errors=True)


def digests(copy) -> dict[str, str]:
    manifest = json.loads((copy / "results/manifest.json").read_text(encoding="utf-8"))
    return {entry["path"]: entry["sha256"] for entry in manifest["results"]}


@pytest.fixture(scope="module")
def life(copy_repository, tmp_path_factory):
    """A copy after three exports, and what was seen on the way."""
    folder = tmp_path_factory.mktemp("life")
    copy = copy_repository(folder)
    (folder / "key").write_text(KEY, encoding="utf-8")
    (copy / "data").mkdir()
    settings = {
        "studies": [STUDY, OTHER],
        "members": 2,
        "seed": 1,
        "privacy": {"key_file": str(folder / "key")},
    }
    (copy / "config/config.yaml").write_text(json.dumps(settings), encoding="utf-8")
    seen = {}
    for day in EXPORTS:
        export(copy, day)
        if day == "2026-01-31":
            clean(copy)
        elif seen:
            seen["planned"] = run(copy, "-n")
        seen[day] = run(copy)
        if day == "2025-01-31":
            seen["folders"] = [p.name for p in (copy / f"history/{STUDY}").iterdir()]
    return copy, seen


def texts(folder: Path):
    """Each file below a folder as text, whatever it is packed in."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        content = path.read_bytes()
        if path.suffix == ".parquet":
            yield path, read_parquet(path).to_csv()
        elif path.suffix in (".docx", ".xlsx", ".zip"):
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                for name in packed.namelist():
                    yield path, packed.read(name).decode("utf-8", "replace")
        elif path.suffix == ".pdf" and shutil.which("pdftotext"):
            command = ["pdftotext", str(path), "-"]
            done = subprocess.run(command, capture_output=True, check=True)
            yield path, done.stdout.decode("utf-8", "replace")
        yield path, content.decode("utf-8", "replace")


def test_no_identifier_passes_clean(life):
    """Planted in every field, valid or not: in no result, log, notebook or record of a version, and
    in nothing that Snakemake keeps."""
    copy, _ = life
    secrets = [NAME, NAME.casefold(), BORN, "2001-05-23", "0049-176", KEY, KEY[:8]]
    number = re.compile(r"ZQ\d{8}K")
    looked_at = 0
    for name in ("results", "logs", "history", ".snakemake"):
        for path, text in texts(copy / name):
            looked_at += 1
            found = [secret for secret in secrets if secret in text]
            assert not found, f"{found} in {path}"
            assert not number.search(text), path
    assert looked_at > 80
    # The search finds what is there.
    assert any(NAME in text and number.search(text) for _, text in texts(copy / "data"))


def test_rejected_cells_are_told_by_place_and_form(life):
    copy, _ = life
    rejected = read_csv(copy / f"results/{STUDY}/rejected.csv")
    planted = rejected[rejected["row"].between(22, 40)]
    assert {"AGE", "SEX", "SIZE_CM", "STATUS", "DEATH"} <= set(planted["column"])
    assert planted["value"].str.startswith("Aaaaaaaaa").any()


def test_the_third_export_is_held_against_both_earlier_ones(life):
    copy, seen = life
    assert seen["folders"] == ["2025-01-31"]
    folder = copy / f"results/{STUDY}"
    updates = read_csv(folder / "updates.csv")
    steps = list(dict.fromkeys(zip(updates["since"], updates["version"], strict=True)))
    days = list(EXPORTS)
    assert steps == [(days[0], days[1]), (days[1], days[2])]
    first = updates[updates["version"] == days[1]]
    told = first.set_index(["what", first["variable"].fillna("")])["patients"]
    assert told["added", ""] <= 20
    assert 4 <= told["changed", "size_cm"] + told.get(("filled in", "size_cm"), 0) <= 5
    history = read_csv(folder / "history.csv")
    assert sorted(set(history["version"])) == days
    n = history[history["estimand"] == "os.median"].set_index("version")["n"]
    assert n[days[0]] < n[days[1]] < n[days[2]]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "What changed since earlier exports" in page
    for day in days:
        assert re.search(rf"<th[^>]*>{day}", page), day


def test_a_new_export_runs_no_other_study(life):
    _, seen = life
    planned = seen["planned"]
    assert f"results/{STUDY}/" in planned or STUDY in planned
    jobs = re.findall(r"^(?:rule|localrule) .*?(?=^(?:rule|localrule) |\Z)", planned, re.M | re.S)
    of_other = [job for job in jobs if re.search(rf"output: .*results/{OTHER}/", job)]
    assert not of_other
    assert not re.search(rf"of {OTHER}\b", planned)


def test_there_is_nothing_left_to_do_and_deleted_results_come_back_the_same(life):
    copy, _ = life
    assert "Nothing to be done" in run(copy)
    before = digests(copy)
    shutil.rmtree(copy / f"results/{STUDY}")
    run(copy)
    assert digests(copy) == before


def test_the_release_names_its_rule_and_stands_in_the_manifest(life):
    copy, _ = life
    released = copy / f"results/{STUDY}/release"
    about = json.loads((released / "about.json").read_text(encoding="utf-8"))
    assert about["rule"] == Disclosure().model_dump()
    assert {"estimates.csv", "curves.csv", "flow.csv", "report.html", "report.pdf"} <= {
        path.name for path in released.iterdir()
    }
    listed = digests(copy)
    for path in released.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            assert path.relative_to(copy.root).as_posix() in listed
    assert not (copy / f"results/{OTHER}/release").exists()
    estimates = read_csv(released / "estimates.csv")
    counts = estimates[estimates["estimand"].str.fullmatch(r"n(\{.*\})?")]["value"].dropna()
    assert len(counts)
    assert (counts % 5 == 0).all()
    assert (counts > 7).all()


def test_two_releases_do_not_give_a_small_count_away_by_their_difference(life):
    """What was added to each group, as far as who has both releases can say."""
    copy, _ = life
    rule = Disclosure()
    records = [read_record(copy / f"history/{STUDY}/{day}/release") for day in EXPORTS]
    compared = 0
    for before, after in pairwise(records):
        if before.exported == after.exported:
            # Too little had changed: the same release was given again.
            pd.testing.assert_frame_equal(before.tables["estimates"], after.tables["estimates"])
            continue
        old, new = before.windows, after.windows
        for group in old.keys() & new.keys():
            low = new[group].lower - old[group].upper
            high = new[group].upper - old[group].lower
            compared += 1
            assert high - low + 1 >= rule.uncertainty or low > rule.threshold, group
    assert compared > 5
