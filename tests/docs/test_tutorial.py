"""What docs/tutorial.md says: each message is produced, each number is R's."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from resarc import intake
from resarc.configuration import read_yaml, validated
from resarc.errors import ResarcError
from resarc.protocol import Protocol
from resarc.settings import Settings, sources

pytestmark = pytest.mark.docs

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
CONTENT = read_yaml(ROOT / "config/studies/tcga_sarc.yaml")
BLOCKS = [
    line.strip()
    for language, block in re.findall(
        r"^```(\w*)\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE
    )
    if not language
    for line in block.splitlines()
]
"""Every message that the page shows."""


def patient(**changes: str) -> dict[str, str]:
    """An invented patient in the layout of the file."""
    values = {
        "Study ID": "s", "Patient ID": "A",
        "International Classification of Diseases for Oncology, Third Edition ICD-O-3 Site Code": "C48.0",
        "Oncotree Code": "LMS", "Diagnosis Age": "60", "Sex": "Male", "Radiation Therapy": "No",
        "Overall Survival (Months)": "10.5", "Overall Survival Status": "0:LIVING",
        "Months of disease-specific survival": "10.5",
        "Disease-specific Survival status": "0:ALIVE OR DEAD TUMOR FREE",
        "Progress Free Survival (Months)": "10.5", "Progression Free Status": "0:CENSORED",
    }  # fmt: skip
    return values | changes


def said(tmp_path, change) -> str:
    """What is said of a file of two invented patients under a changed protocol."""
    rows = [patient(), patient(**{"Patient ID": "B", "Radiation Therapy": "NA"})]
    file = tmp_path / "sarc_tcga_pan_can_atlas_2018_clinical_data.tsv"
    pd.DataFrame(rows).to_csv(file, sep="\t", index=False)
    content = copy.deepcopy(CONTENT)
    content["source"]["file"] = str(file)
    change(content)
    try:
        protocol = validated(content, Protocol, "config/studies/tcga_sarc.yaml")
        cleaned = intake.clean(intake.read_source(file, protocol), protocol)
    except ResarcError as error:
        return str(error)
    return "\n".join([*cleaned.rejected["reason"], *cleaned.rejected["remedy"]])


def variable(content: dict, name: str) -> dict:
    return next(v for v in content["variables"] if v["name"] == name)


CHANGES = {
    "exported": lambda c: c["source"].pop("exported"),
    "key": lambda c: variable(c, "primary_site").update(categorys=1),
    "separator": lambda c: c["source"].update(separator=","),
    "columns": lambda c: c["source"].pop("other_columns"),
    "name": lambda c: variable(c, "primary_site").update(column="Site Code"),
    "code": lambda c: variable(c, "radiation").update(missing=[""]),
}


def test_each_message_of_the_page_is_one_that_is_produced(tmp_path, monkeypatch):
    found = [said(tmp_path, change) for change in CHANGES.values()]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config/studies").mkdir(parents=True)
    (tmp_path / "config/studies/tcga_sarc.yaml").write_text(
        json.dumps(CONTENT, default=str), encoding="utf-8"
    )
    settings = Settings(studies=("tcga_sarc",), members=2, seed=1)
    with pytest.raises(ResarcError) as raised:
        sources(settings, Path("config"))
    found.append(str(raised.value))
    command = [sys.executable, str(ROOT / "workflow/scripts/new_study.py"), "--name", "my_tcga"]
    file = "sarc_tcga_pan_can_atlas_2018_clinical_data.tsv"
    done = subprocess.run([*command, "--data", file], capture_output=True, text=True, check=True)
    found.append(done.stdout)
    produced = "\n".join(found)
    assert len(BLOCKS) > 10
    assert [line for line in BLOCKS if line not in produced] == []


def test_with_the_committed_protocol_these_patients_are_kept(tmp_path):
    assert said(tmp_path, lambda _: None) == ""


def test_the_numbers_of_the_page_are_those_of_r():
    results = json.loads((ROOT / "tests/r/tcga.json").read_text(encoding="utf-8"))["results"]
    by_name = {row["estimand"]: row for row in results}
    rows = {
        "Median overall survival, months": ("os.median", 1, "{:.1f}"),
        "5-year overall survival": ("os.survival(60 months)", 100, "{:.1f}"),
        "Median disease-specific survival, months": ("dss.median", 1, "{:.1f}"),
        "Median progression-free survival, months": ("pfs.median", 1, "{:.1f}"),
        "Hazard ratio of death, elsewhere against retroperitoneum": (
            "os.hazard_ratio by primary_site(elsewhere / retroperitoneum)", 1, "{:.2f}",
        ),
        "Hazard ratio of death, one year more of age": ("os.hazard_ratio by age", 1, "{:.2f}"),
    }  # fmt: skip
    for label, (name, factor, form) in rows.items():
        row = by_name[name]
        value, lower, upper = (
            "not reached" if row[key] is None else form.format(row[key] * factor)
            for key in ("value", "lower", "upper")
        )
        mark = "%" if factor == 100 else ""
        assert f"| {label} | {value}{mark} | {lower} to {upper} |" in PAGE
    assert by_name["n"]["value"] == 253
    assert by_name["dss.median"]["n"] == 253 - 5
