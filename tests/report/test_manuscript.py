"""Tables and sentences for a manuscript: editable, complete, text stays text, the same bytes again."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import zipfile
from dataclasses import replace

import docx
import pandas as pd
import pytest
from docx.oxml.ns import qn
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from resarc.output import read_csv, write_csv
from resarc.report import latex, word
from resarc.report.manuscript import Manuscript, as_frames, index_of, shares_of, tables_of
from resarc.report.model import Cell, Column, Table, table
from resarc.tables import NBSP

pytestmark = pytest.mark.unit

FORMULAS = ("=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2", "\t=1")
LATEX = r"\input{/etc/passwd} \write18{ls} 50% & $x_1^2$ #1 {a} ~ \\[9cm] % --- ''"


@pytest.fixture(params=["registry", "reconstruction"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def inputs(make_inputs, kind: str):
    return make_inputs(kind)


@pytest.fixture
def content(inputs) -> Manuscript:
    return tables_of(inputs)


def of(*blocks: Table, lead=("Lead.",), title="Title") -> Manuscript:
    return Manuscript(title, tuple(lead), blocks, "2026-01-31", "0.1.0")


def simple(text: str, columns: int = 2) -> Table:
    """A table with a text in every place that takes one."""
    headers = [Column(f"{text} {i}", note=f"{text} noted") for i in range(columns)]
    row = [Cell(text, "by construction", note=f"{text} below") for _ in range(columns)]
    return table("t", text, headers, {text: [row]}, stage="x", origin="registry", notes=(text,))


def opened(made: bytes):
    return docx.Document(io.BytesIO(made))


# -- which tables, and what they hold ----------------------------------------------------------------


def test_every_analysis_has_its_table_without_what_the_paper_printed(content):
    names = [block.id for block in content.tables]
    assert names == [
        "analysis-table-one", "analysis-balance", "analysis-by-treatment", "analysis-survival",
        "analysis-factors", "analysis-joint", "checklist-strobe", "checklist-remark",
    ]  # fmt: skip
    headers = [column.header for block in content.tables for column in block.columns]
    assert not [header for header in headers if "rinted" in header]


def test_a_reconstruction_says_in_the_document_and_in_every_row_what_it_is(content, kind):
    document = opened(word.render(content))
    words = "\n".join(paragraph.text for paragraph in document.paragraphs)
    rebuilt = kind == "reconstruction"
    assert ("No patient of this study was seen. 200 datasets" in words) == rebuilt
    assert ("identified set" in latex.render(content)) == rebuilt
    expected = "Reconstructed data" if rebuilt else "Registry data"
    for frame in as_frames(content.tables).values():
        assert set(frame["Origin"]) == {expected}
    assert set(index_of(content.tables)["origin"]) == {expected}
    assert words.count(f"({expected})") == len(content.tables)


def test_no_document_holds_the_value_of_one_dataset(make_inputs):
    given = make_inputs("reconstruction")
    made = tables_of(given)
    texts = [
        cell.text for t in opened(word.render(made)).tables for r in t.rows for cell in r.cells
    ]
    texts += [latex.render(made), *given.snippets["sentence"]]
    texts += [
        str(cell) for frame in as_frames(made.tables).values() for cell in frame.to_numpy().ravel()
    ]
    assert not [text for text in texts if "777" in text]


# -- Word ------------------------------------------------------------------------------------------


def test_word_tables_hold_every_cell_and_note(content):
    document = opened(word.render(content))
    words = "\n".join(paragraph.text for paragraph in document.paragraphs)
    assert len(document.tables) == len(content.tables)
    for block, made, plain in zip(content.tables, document.tables, content.plain(), strict=True):
        rows = iter(made.rows)
        assert len(next(rows).cells) == len(block.columns)
        for group in plain["groups"]:
            if group["label"]:
                assert next(rows).cells[0].text == group["label"]
            for row in group["rows"]:
                found = [cell.text for cell in next(rows).cells]
                assert found == [cell["text"] + cell["letter"] + cell["sign"] for cell in row]
        assert f"{plain['number']}. {plain['caption']}" in words
        for line in plain["legend"]:
            assert line["text"] in words


def test_word_repeats_headers_keeps_rows_whole_and_numbers_captions(content):
    document = opened(word.render(content))
    for made in document.tables:
        first, *others = made._tbl.tr_lst
        assert first.find(f".//{qn('w:tblHeader')}") is not None
        assert not [row for row in others if row.find(f".//{qn('w:tblHeader')}") is not None]
        assert all(row.find(f".//{qn('w:cantSplit')}") is not None for row in (first, *others))
        assert made._tbl.tblPr.find(qn("w:tblCaption")) is not None
    fields = [element.text for element in document.element.iter(qn("w:instrText"))]
    assert fields == [" SEQ Table \\* ARABIC "] * len(content.tables)
    captions = [p.text for p in document.paragraphs if p.style.name == "Caption"]
    assert [text.split(".")[0] for text in captions] == [
        f"Table {i}" for i in range(1, len(content.tables) + 1)
    ]


def test_word_turns_the_page_for_wide_tables():
    document = opened(word.render(of(simple("a"), replace(simple("b", 9), id="u"))))
    sections = list(document.sections)
    assert [s.page_width > s.page_height for s in sections] == [False, True]
    for made, section in zip(document.tables, sections, strict=True):
        room = section.page_width - section.left_margin - section.right_margin
        widths = [int(column.get(qn("w:w"))) * 635 for column in made._tbl.tblGrid.gridCol_lst]
        assert sum(widths) == pytest.approx(room, rel=0.01)


def test_word_has_the_same_bytes_and_tells_nothing_of_the_machine(content):
    made = word.render(content)
    assert made == word.render(content)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert not [name for name in archive.namelist() if "thumbnail" in name]
        assert archive.testzip() is None
    properties = opened(made).core_properties
    assert properties.title == content.title
    assert properties.author == properties.last_modified_by == "Resarc 0.1.0"
    assert properties.created.isoformat() == properties.modified.isoformat()
    assert properties.created.isoformat().startswith("2026-01-31T00:00:00")


def test_word_needs_no_clock(content, monkeypatch):
    before = word.render(content)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    assert word.render(content) == before


@pytest.mark.parametrize(
    "text", [*FORMULAS, LATEX, "<w:t>&amp;</w:t>", "a\x00b", "\u202eb", "\ud800"]
)
def test_hostile_labels_stay_text_in_word(text):
    from resarc.report.glyphs import visible

    made = word.render(of(simple(text), lead=(text,), title=text))
    document = opened(made)
    shown = visible(text)
    assert document.tables[0].rows[0].cells[0].text == f"{shown} 0a"
    assert document.tables[0].rows[1].cells[0].text == shown
    assert document.paragraphs[0].text == shown
    instructions = [element.text for element in document.element.iter(qn("w:instrText"))]
    assert instructions == [" SEQ Table \\* ARABIC "]
    assert not list(document.element.iter(qn("w:fldSimple"), qn("w:hyperlink"), qn("w:object")))


# -- LaTeX -----------------------------------------------------------------------------------------


def test_latex_is_ascii_and_holds_every_table(content):
    text = latex.render(content)
    assert text.isascii()
    assert text.count(r"\begin{longtable}") == text.count(r"\end{longtable}") == len(content.tables)
    assert text.count(r"\endhead") == text.count(r"\bottomrule") == len(content.tables)
    for block in content.tables:
        assert rf"\label{{tab:{block.id}}}" in text
    assert text == latex.render(content)


@pytest.mark.parametrize(
    ("words", "source"),
    [
        ("50% & more", r"50\% \& more"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("a_b^c~d#e$f", r"a\_b\textasciicircum{}c\textasciitilde{}d\#e\$f"),
        ("[2ex]*", "{[}2ex{]}{*}"),
        ("--", "-{-}"),
        ("p <0.001", r"p \textless{}0.001"),
        ("≥ 56", r"$\ge$ 56"),
        ("6–10", "6--10"),
        ("\u22128", "$-$8"),
        ("Gøtzsche, Hübner, naïve", r"G\o{}tzsche, H\"{u}bner, na\"{i}ve"),
        ("χ² λ Λ", r"$\chi$\textsuperscript{2} $\lambda$ $\Lambda$"),
        ("漢", "{[}U+6F22{]}"),
        ("\x00", "{[}U+0000{]}"),
        (f"5{NBSP}to{NBSP}7", "5~to~7"),
    ],
)
def test_latex_escapes(words, source):
    assert latex.escape(words) == source


@pytest.mark.property
@settings(max_examples=200)
@drawn(words=st.text(max_size=40))
def test_latex_of_any_text_has_balanced_braces_and_no_command_of_its_own(words):
    source = latex.escape(words)
    assert source.isascii()
    assert "\n" not in source
    bare = re.sub(r"\\[{}]", "", source)
    depth = 0
    for character in bare:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    # What is not an escaped sign is one of the commands of the table of characters.
    known = re.compile(
        r"\\(text[a-z]+|char|dots|S|ss|[aoAO]e|AE|OE|[oOlL]|i|aa|[a-z]{1}|[HrvucCl])(?![a-zA-Z])"
        r"|\\[\\{}$&#_%,`'^~=.\"]|\$[^$]*\$"
    )
    assert "\\" not in known.sub("", source)


@pytest.mark.parametrize("text", [LATEX, *FORMULAS, "漢字 \U0001f600 é ≥"])
def test_latex_compiles_and_prints_hostile_labels(text, tmp_path, text_of_pdf):
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    (tmp_path / "t.tex").write_text(latex.render(of(simple(text, 7), lead=(text,), title=text)))
    main = (
        r"\documentclass{article}\usepackage{booktabs,longtable,array,textcomp,pdflscape}"
        r"\begin{document}\input{t.tex}\end{document}"
    )
    (tmp_path / "main.tex").write_text(main)
    command = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "main"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert run.returncode == 0, run.stdout[-2000:].decode("latin-1")
    printed = text_of_pdf((tmp_path / "main.pdf").read_bytes())
    assert "root:" not in printed
    if text == LATEX:
        assert "50%" in printed
        assert "write18" in printed


# -- CSV -------------------------------------------------------------------------------------------


def test_frames_have_a_column_for_each_header_and_a_row_for_each_row(content):
    frames = as_frames(content.tables)
    for block in content.tables:
        frame = frames[block.id]
        grouped = any(group.label for group in block.groups)
        assert len(frame) == len(block.rows)
        assert frame.shape[1] == len(block.columns) + 1 + grouped
    index = index_of(content.tables)
    assert list(index["table"]) == [f"Table {i}" for i in range(1, len(frames) + 1)]
    assert list(index["file"]) == [f"{name}.csv" for name in frames]
    factors = index.set_index("file").loc["analysis-factors.csv"]
    assert "Log-rank test." in factors["notes"]


def test_frames_call_footnotes_and_marks(make_inputs):
    frames = as_frames(tables_of(make_inputs("reconstruction")).tables)
    patients = frames["analysis-table-one"]
    assert patients.loc[0, "Identified set"].endswith("†")
    assert "N [a]" in patients.columns


@pytest.mark.parametrize("text", [*FORMULAS, "<b>", 'a,b\n"c"'])
def test_hostile_labels_stay_text_in_csv(text, tmp_path):
    frame = as_frames([simple(text)])["t"]
    path = tmp_path / "t.csv"
    write_csv(frame, path)
    raw = path.read_text(encoding="utf-8")
    assert not re.search(r"(^|,)\"?[=@+][^0-9]", raw, flags=re.MULTILINE)
    back = read_csv(path, text=["Group"])
    assert back["Group"].tolist() == frame["Group"].tolist()


# -- widths ----------------------------------------------------------------------------------------


@pytest.mark.property
@settings(max_examples=60)
@drawn(
    texts=st.lists(st.lists(st.text(max_size=60), min_size=3, max_size=3), min_size=1, max_size=5)
)
def test_shares_are_positive_and_fill_the_line(texts):
    block = table(
        "t", "C", [Column("A"), Column("Long header"), Column("C", "right")], texts, stage="x"
    )
    (plain,) = of(block).plain()
    shares = shares_of(plain)
    assert sum(shares) == pytest.approx(1)
    assert min(shares) > 0.02


# -- sentences -------------------------------------------------------------------------------------


def sentences(inputs, **changes) -> dict[str, str]:
    frame = replace(inputs, **changes).snippets
    return dict(zip(frame["estimand"], frame["sentence"], strict=True))


def test_a_registry_s_sentences_read_as_in_a_paper(make_inputs):
    given = make_inputs("registry")
    estimates = given.estimates.set_index("estimand")
    estimates.loc["os.median", ["value", "lower", "upper"]] = 49.9, 30.0, 59.4
    estimates.loc["os.hazard_ratio by age", "p"] = 0.0004
    found = sentences(given, estimates=estimates.reset_index())
    assert found["os.median"] == "median overall survival 49.9 months (95% CI 30.0 to 59.4)"
    assert found["os.survival(36 months)"] == "3-year overall survival 77.8% (95% CI 21.1 to 63.3)"
    assert found["os.hazard_ratio by sex(male / female)"] == (
        "hazard ratio of overall survival, sex: male against female, 7.78 (95% CI 0.81 to 3.14; p = 0.078)"
    )
    assert found["os.hazard_ratio by age"].endswith("; p < 0.001)")
    assert found["os.logrank_p by sex"] == "log-rank test of overall survival by sex, p = 0.078"
    assert found["n"] == "number of patients: 7777"
    assert set(given.snippets["origin"]) == {"registry"}


def test_a_reconstruction_s_sentences_say_set_and_origin(make_inputs):
    found = sentences(make_inputs("reconstruction"))
    assert found["os.median"].replace(NBSP, " ") == (
        "median overall survival 12.1 to 39.3 months (identified set over 200 datasets rebuilt from "
        "the figures printed in Smith 2020, an inner bound; no patient data)"
    )
    assert "by construction" in found["os.survival(36 months)"]
    assert "both sides of no difference" in found["os.hazard_ratio by sex(male / female)"]
    assert found["os.logrank_p by sex"].startswith(
        "log-rank test of overall survival by sex, p 0.010"
    )
    for words in found.values():
        assert "no patient data" in words
        assert "datasets rebuilt from the figures printed in" in words


def test_what_has_no_value_has_no_sentence(make_inputs):
    registry, rebuilt = make_inputs("registry"), make_inputs("reconstruction")
    estimates = registry.estimates.copy()
    row = estimates["estimand"] == "os.median"
    estimates.loc[row, ["value", "lower", "upper"]] = float("nan")
    assert (
        sentences(registry, estimates=estimates)["os.median"]
        == "median overall survival not reached"
    )
    estimates.loc[row, "n"] = 0
    assert "os.median" not in sentences(registry, estimates=estimates)
    sets = rebuilt.identified.copy()
    sets.loc[sets["estimand"] == "os.median", ["lower", "upper"]] = float("nan")
    assert "os.median" not in sentences(rebuilt, identified=sets)
    without = rebuilt.identified[rebuilt.identified["estimand"] != "os.median"]
    assert "os.median" not in sentences(rebuilt, identified=without)


def test_members_that_do_not_determine_a_value_are_said(make_inputs):
    rebuilt = make_inputs("reconstruction")
    found = sentences(rebuilt, identified=rebuilt.identified.assign(undetermined=0.125))
    assert "12.5% of them do not determine it" in found["os.median"]


def test_the_sentences_of_the_file_are_those_of_the_report(make_inputs, kind):
    from resarc.report.study import build

    given = make_inputs(kind)
    shown = next(b for b in build(given).blocks() if isinstance(b, Table) and b.id == "sentences")
    cells = [row[1] for row in shown.rows]
    assert all(cell.copied for cell in cells)
    assert {cell.text for cell in cells} <= set(given.snippets["sentence"])
    assert len(cells) > 10


def test_hostile_levels_reach_a_sentence_as_text(make_inputs, kind, tmp_path):
    frame = make_inputs(kind).snippets
    path = tmp_path / "snippets.csv"
    write_csv(frame, path)
    pd.testing.assert_frame_equal(read_csv(path, text=["sentence"]), frame)
