"""A proposed protocol: what each column is taken for, that it is valid, and that it tells of nobody."""

import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML

from resarc import intake
from resarc.configuration import read_yaml
from resarc.proposal import DECIDE, propose, protocol_text
from resarc.proposal.columns import LEAST_ROWS, quoted
from resarc.protocol import Protocol

ROOT = Path(__file__).parents[2]
unit, property_ = pytest.mark.unit, pytest.mark.property


def of(cells, header="x", **about):
    return propose(pd.DataFrame({header: cells}, dtype=object), **about)[0]


def parsed(text: str):
    return YAML(typ="safe", pure=True).load(text)


def with_export(text: str) -> dict:
    content = parsed(text)
    content["source"]["exported"] = "2024-06-30"
    return content


TWENTY = [str(i) for i in range(20, 40)]


@unit
@pytest.mark.parametrize(
    ("header", "cells", "kind", "more"),
    [
        ("Age", TWENTY, "integer", {}),
        ("Size", ["1.5", "2", "30.25"] * 5, "number", {}),
        ("Size", ["1,5", "2", "30,25"] * 5, "number", {}),
        ("Code", ["007", "012", "100"] * 5, "category", {}),
        ("Grade", ["1", "2", "3", "1"] * 5, "category", {}),
        ("Sex", ["m", "f"] * 5, "category", {"levels": {"f": ("f",), "m": ("m",)}}),
        ("Sex", ["M", "m", "f", "f"] * 5, "category", {"levels": {"M": ("M", "m"), "f": ("f",)}}),
        ("Day", ["2020-01-31", "2021-12-01"] * 3, "date", {"date_format": "%Y-%m-%d"}),
        ("Day", ["31.01.2020", "01.12.2021"] * 3, "date", {"date_format": "%d.%m.%Y"}),
        ("Day", ["1/31/20", "12/1/21"] * 3, "date", {"date_format": "%m/%d/%y"}),
        ("Day", ["2020-01-31", "2020-02", "2021"] * 3, "date", {"partial_formats": {"month": ("%Y-%m",), "year": ("%Y",)}}),
        ("Patient ID", [f"A{i}" for i in range(20)], "identifier", {}),
        ("Surname", ["Smith"] * 9, "text", {}),
        ("E-mail", ["a@b.c"] * 9, "text", {}),
        ("Remark", [f"seen {i} times" for i in range(40)], "text", {}),
        ("Empty", ["", "", ""], "text", {}),
        ("Same", ["SARC"] * 5, "text", {}),
        ("Age", [*TWENTY, "NA", "999"], "integer", {"missing": ("", "NA", "999")}),
        ("Sex", ["m", "f", "unknown"] * 5, "category", {"missing": ("", "unknown")}),
    ],
)  # fmt: skip
def test_what_a_column_is_taken_for(header, cells, kind, more):
    found = of(cells, header)
    assert found.kind == kind
    for key, value in more.items():
        assert getattr(found, key) == value


@unit
def test_a_date_that_can_be_read_in_two_ways_is_for_somebody_to_decide():
    found = of(["01/02/2020", "03/04/2021"] * 3)
    assert found.date_format == "%d/%m/%Y"
    assert "All dates can also be read as %m/%d/%Y" in found.decide[0]


@unit
def test_a_code_that_few_rows_have_is_not_written():
    found = of(["limb"] * 9 + ["trunk"] * LEAST_ROWS + ["see Dr Smith"] * (LEAST_ROWS - 1))
    assert set(found.levels) == {"limb", "trunk"}
    assert "1 rare or long value in 2 rows is not written here" in found.decide[0]
    assert "Smith" not in protocol_text("s", "f.csv", [found])


@unit
@pytest.mark.parametrize("text", ["0176 5551234", "x@y.org", "Smith 3.4.1951"])
def test_what_looks_like_a_number_of_a_person_is_not_written_however_often(text):
    found = of(["limb", text] * 9)
    assert text not in protocol_text("s", "f.csv", [found])


@unit
def test_what_the_file_itself_says_is_used():
    labels = {"1": "alive", "2": "dead (any cause)", "9": "lost"}
    found = of(["1", "2"] * 9, "V7", titles={"V7": "Vital status"}, labels={"V7": labels})
    assert found.label == "Vital status"
    assert found.levels == {"alive": ("1",), "dead any cause": ("2",), "lost": ("9",)}
    assert of(["a", "b"], "V7", identifiers={"V7"}).kind == "identifier"


@unit
def test_names_of_hostile_headers_differ_and_are_names():
    headers = ["Größe (cm)", "größe cm", "=cmd|' /C calc'!A0", "年齢", "", "7", "a: {b}\n- c", "__"]
    frame = pd.DataFrame([["x"] * len(headers)] * 3, columns=headers)
    names = [column.name for column in propose(frame)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)
    assert names[:2] == ["grosse_cm", "grosse_cm_2"]


HOSTILE = st.text(
    st.characters(codec="utf-8") | st.sampled_from(list("\"'\\:{}[],#&*!|>%@`\n\t-?=\x00\x85\u2028")),
    max_size=12,
)  # fmt: skip


@property_
@given(HOSTILE)
def test_any_text_is_quoted_so_that_yaml_gives_it_back(text):
    assert parsed(f"- {quoted(text)}\n") == [text]


@property_
@given(
    st.lists(HOSTILE, min_size=1, max_size=5, unique=True),
    st.lists(st.lists(HOSTILE, min_size=5, max_size=5), min_size=1, max_size=6),
)
def test_a_proposal_of_anything_is_yaml_and_the_check_accepts_or_explains_it(headers, rows):
    frame = pd.DataFrame([row[: len(headers)] for row in rows], columns=headers, dtype=object)
    columns = propose(frame)
    text = protocol_text("any", 'a "file".csv', columns)
    assert [v["column"] for v in parsed(text)["variables"]] == headers
    with suppress(ValidationError):  # which the check explains; anything else is a fault of ours
        Protocol.model_validate(with_export(text))


@property_
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", categories=["L"]), min_size=5, max_size=30),
            st.integers(1, LEAST_ROWS - 1),
        ),
        min_size=1, max_size=8, unique_by=lambda pair: pair[0],
    )
)  # fmt: skip
def test_no_rare_text_is_ever_written(pairs):
    cells = [f"§{word}" for word, times in pairs for _ in range(times)] + ["limb"] * 40
    text = protocol_text("any", "f.csv", propose(pd.DataFrame({"Site": cells})))
    assert "§" not in text


@unit
def test_no_smallest_or_largest_value_is_written():
    frame = pd.DataFrame({"Age": [*TWENTY, "101"], "Day": ["2020-01-31"] * 20 + ["1931-05-06"]})
    text = protocol_text("s", "f.csv", propose(frame))
    assert "101" not in text
    assert "1931" not in text


@unit
def test_the_simulated_registry_runs_on_its_proposal_once_the_day_of_export_is_given(tmp_path):
    """Dates of start, death and last contact are found, and nearly all rows are kept."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from simulation import write_registry

    file = tmp_path / "registry.csv"
    write_registry(file, 800)
    frame = pd.read_csv(file, dtype=str, keep_default_na=False)
    text = protocol_text("ours", str(file), propose(frame))
    with pytest.raises(ValidationError, match="needs 'exported'"):
        Protocol.model_validate(parsed(text))
    content = with_export(text)
    content["source"]["exported"] = "2024-12-31"
    protocol = Protocol.model_validate(content)
    assert {v.name: v.type for v in protocol.variables}["treatment"] == "date"
    endpoint = protocol.endpoints[0]
    assert (endpoint.origin, endpoint.events, endpoint.censored_at) == (
        "diagnosis", ("death",), "last_contact",
    )  # fmt: skip
    cleaned = intake.clean(intake.read_source(file, protocol), protocol)
    assert len(cleaned.clean) > 0.97 * 800


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config/studies").mkdir(parents=True)
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "ID": [f"ZQ{i}" for i in range(30)],
            "OS months": rng.integers(1, 99, 30),
            "Status": rng.choice(["alive", "dead"], 30),
        }
    )
    frame.to_csv(tmp_path / "ours.csv", index=False)
    return tmp_path


def new_study(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "workflow/scripts/new_study.py"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@unit
def test_the_command_writes_one_file_and_says_what_to_do(folder):
    done = new_study(folder, "--name", "ours", "--data", "ours.csv")
    assert done.returncode == 0, done.stderr
    assert "30 rows, 3 columns" in done.stdout
    assert "'exported' is needed" in done.stdout
    assert "ZQ" not in done.stdout
    text = (folder / "config/studies/ours.yaml").read_text(encoding="utf-8")
    assert DECIDE in text
    assert "ZQ" not in text
    content = read_yaml(folder / "config/studies/ours.yaml")
    content["source"]["exported"] = "2024-12-31"
    protocol = Protocol.model_validate(content)
    assert protocol.endpoints[0].time == "os_months"
    assert protocol.endpoints[0].happened[0].one_of == ("dead",)


@unit
@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("Ours", "ours.csv", "NAME: found 'Ours'; expected lower-case letters"),
        ("../ours", "ours.csv", "NAME: found '../ours'"),
        ("ours", "none.csv", "none.csv: found no such file"),
        ("taken", "ours.csv", "taken.yaml: found a file that is there"),
    ],
)
def test_a_name_or_file_that_cannot_be_is_explained(folder, name, data, words):
    (folder / "config/studies/taken.yaml").write_text("x: 1\n", encoding="utf-8")
    done = new_study(folder, "--name", name, "--data", data)
    assert done.returncode == 1
    assert words in done.stderr
    assert (folder / "config/studies/taken.yaml").read_text(encoding="utf-8") == "x: 1\n"
