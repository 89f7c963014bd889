"""A small report that holds every kind of block, with strings that mean something elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from resarc.report.model import (
    Bullets,
    Callout,
    Cell,
    Column,
    Facts,
    FigureBlock,
    Reference,
    Report,
    Run,
    Section,
    paragraph,
    table,
    text,
)

HOSTILE = (
    "<script>alert(1)</script> </script> <!-- #emph[x] $a_b$ @x *b* `c` {{ d }} {% e %} "
    "&amp; =1+1 \\n ../../x \U0001f600 \u6f22\u5b57 \x00 \u202e \ue000"
)
HOSTILE_LEVEL = HOSTILE.replace("\x00", "")
"""YAML, in which levels are written, holds no null character."""
SHOWN = "[U+0000] [U+202E] [U+E000]"
"""What stands for the last three characters of HOSTILE, in every rendering."""

DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'width="200" height="80" viewBox="0 0 200 80"><defs><clipPath id="c"><rect x="0" y="0" '
    'width="200" height="80"/></clipPath><circle id="m" r="3"/></defs><g clip-path="url(#c)">'
    '<use xlink:href="#m" x="9" y="9"/><text x="9" y="40">survival 0.5</text></g></svg>'
)


@pytest.fixture(scope="session")
def sample() -> Report:
    columns = (Column("Level", width=1), Column("Patients", "right"), Column("Set", "right"))
    rows = [
        (f"level {i} {HOSTILE}", str(100 + i), Cell("0.31 to 0.38", "by construction"))
        for i in range(70)
    ]
    return Report(
        title="A study re-analysed",
        subtitle=f"Population {HOSTILE}",
        study="alpha",
        version="0.0.1",
        data_date="2026-01-31",
        origin="reconstruction",
        summary=(
            Callout("origin", f"No patient was seen {HOSTILE}", (text("200 datasets."),)),
            Callout("finding", "Two figures conflict", (text("12 and 13."),), "major"),
            Bullets((text("see ", Run(ref="groups")), text("as in ", Run(cite="one"), "."))),
        ),
        sections=(
            Section(
                "cohort",
                f"Cohort {HOSTILE}",
                (
                    paragraph(
                        "Text ",
                        Run(HOSTILE, "strong"),
                        Run(HOSTILE, "emphasis"),
                        Run(HOSTILE, "code"),
                        Run("the other report", link="alpha/report.html"),
                    ),
                    Facts((("Seed", "20260101"), ("Text", HOSTILE))),
                    FigureBlock(
                        "flow",
                        DRAWING,
                        f"Of 90, 60 remain {HOSTILE}",
                        f"Flow {HOSTILE}",
                        "cohort",
                        ("flow.csv",),
                        "reconstruction",
                    ),
                    FigureBlock("again", DRAWING, "Half survive", "Survival", "analyse"),
                    table(
                        "groups",
                        f"Groups {HOSTILE}",
                        columns,
                        {f"A {HOSTILE}": rows, "B": rows[:2]},
                        stage="analyse",
                        inputs=("estimates.csv",),
                        origin="reconstruction",
                        notes=(f"Note {HOSTILE}",),
                    ),
                    table(
                        "flat",
                        "Flat",
                        columns,
                        [("x", "1", Cell("2", tone="bad"))],
                        stage="audit",
                        origin="paper",
                        folded=True,
                    ),
                ),
            ),
        ),
        references=(Reference("one", f"Smith A. {HOSTILE}", "https://doi.org/10.1000/x"),),
        provenance=(("Study", HOSTILE), ("Members", "200")),
    )


@pytest.fixture(scope="session")
def hostile_shown() -> str:
    return SHOWN


VOID = {"meta", "br", "hr", "img", "link", "input", "col"}


class Page(HTMLParser):
    """Elements with attributes and text, and whether every end tag closes the last open one."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.described: list[str] = []
        self.script: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"<{tag}> has an attribute twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag not in ("span", "a", "strong", "em", "code"):
            self.words.append(" ")

    def handle_data(self, data):
        within = self.open[-1] if self.open else ""
        if within in ("script", "style"):
            self.script.append(data)
        elif within in ("title", "desc"):
            self.described.append(data)
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="session")
def parse() -> type[Page]:
    return Page


# -- a study of three groups, with results by rule -------------------------------------------------

PROTOCOL = {
    "study": "alpha",
    "reference": "alpha2020",
    "title": "Local treatment of metastases in a study of three groups",
    "population": "Patients with metastases",
    "origin_label": "first metastasis",
    "source": {"kind": "reconstruction"},
    "variables": [
        {"name": "id", "column": "ID", "label": "Number", "type": "identifier"},
        {"name": "sex", "column": "SEX", "label": "Sex", "type": "category",
         "categories": {"female": ["f"], "male": ["m"]}},
        {"name": "treatment", "column": "TX", "label": "Local treatment", "type": "category",
         "categories": {"none": ["0"], "surgery": ["1"], HOSTILE_LEVEL: ["2"]}},
        {"name": "age", "column": "AGE", "label": "Age", "type": "integer", "unit": "years"},
        {"name": "time", "column": "T", "label": "Follow-up", "type": "number", "unit": "months"},
        {"name": "status", "column": "S", "label": "Status", "type": "category",
         "categories": {"dead": ["1"], "alive": ["0"]}},
    ],
    "eligibility": [
        {"id": "adult", "label": "Adults", "keep": [{"variable": "age", "at_least": 18}]},
        {"id": "known", "label": f"Known {HOSTILE}", "keep": [{"variable": "time", "present": True}]},
    ],
    "endpoints": [
        {"name": "os", "label": "Overall survival", "definition": "From metastasis to death",
         "time": "time", "happened": [{"variable": "status", "one_of": ["dead"]}]}
    ],
    "analyses": [
        {"id": "table_one", "label": "Patients", "kind": "characteristics",
         "variables": ["age", "sex", "treatment"]},
        {"id": "balance", "label": "Patients by sex", "kind": "characteristics",
         "variables": ["age", "treatment"], "by": "sex", "tests": ["fisher_p", "mann_whitney_p"]},
        {"id": "by_treatment", "label": "Status by treatment", "kind": "response",
         "variables": ["status"], "by": "treatment"},
        {"id": "survival", "label": "Overall survival", "kind": "survival", "endpoint": "os",
         "at": ["12 months", "36 months"], "by": "treatment"},
        {"id": "factors", "label": "Univariable analysis", "kind": "univariable", "endpoint": "os",
         "variables": ["sex", "treatment", "age"], "at": ["36 months"], "note": "Not adjusted"},
        {"id": "joint", "label": "Multivariable analysis", "kind": "multivariable", "endpoint": "os",
         "variables": ["sex", "age"]},
    ],
    "reconstruction": {
        "period": ["2000-01-01", "2010-12-31"], "last_contact": "2015-12-31",
        "choices": ["Ages are whole years"],
    },
}  # fmt: skip

PRINTED = {
    "study": "alpha",
    "reference": "alpha2020",
    "reading": "Full text with Tables 1 to 3.",
    "endpoints": ["os"],
    "figures": [
        {"id": "n", "estimand": "n", "printed": "142", "locator": "Abstract"},
        {"id": "women", "estimand": "n{sex=female}", "printed": "60", "locator": "Table 1"},
        {"id": "women.share", "estimand": "sex.proportion(female)", "printed": "42.3", "unit": "%",
         "locator": "Table 1"},
        {"id": "os36", "estimand": "os.survival(36 months)", "printed": "31.5", "unit": "%",
         "locator": "Results"},
        {"id": "p.treatment", "estimand": "os.logrank_p by treatment", "printed": "0.02",
         "locator": "Table 3"},
        {"id": "hr.sex", "estimand": "os.hazard_ratio by sex(male / female)", "printed": "1.4",
         "interval": ["0.9", "2.1"], "locator": "Table 3"},
        {"id": "claim", "estimand": "os.logrank_p by sex", "printed": "> 0.05", "claim": True,
         "locator": "Discussion"},
    ],
}  # fmt: skip

POINT = {"count": 7777.0, "fraction": 0.7777, "p": 0.0777, "ratio": 7.777, "standardised": 0.7777}
"""One dataset's values: a 7 in a report of a reconstruction is a value that must not be shown."""
LOWER = {"count": 41.0, "fraction": 0.2111, "p": 0.0101, "ratio": 0.811, "standardised": 0.0411}
UPPER = {"count": 55.0, "fraction": 0.6333, "p": 0.2222, "ratio": 3.144, "standardised": 0.5133}
TARGETS = {"n", "n{sex=female}", "os.survival(36 months)"}


def adjusted_by_rule(protocol, rebuilt):
    """Adjusted p-values of each univariable table: 0.0888 and 0.0999, or their sets."""
    import pandas as pd

    from resarc.analysis import families

    found = {"holm": 0.0888, "bh": 0.0999}
    if rebuilt:
        found = {"holm_lower": 0.0303, "holm_upper": 0.6666, "bh_lower": 0.0202, "bh_upper": 0.4444}
    rows = [
        {"analysis": name, "estimand": str(test), "tests": len(tests)} | found
        for name, tests in families(protocol).items()
        for test in tests
    ]
    return pd.DataFrame(rows)


def study_inputs(kind: str, protocol=None, published=None, members: int = 200):
    """StudyInputs by rule: every planned estimand has the value, limits and set of its scale."""
    import pandas as pd

    from resarc.analysis.plan import plan
    from resarc.protocol import Protocol
    from resarc.published import Published
    from resarc.references import Reference as Work
    from resarc.report.study import StudyInputs

    if protocol is None:
        content = dict(PROTOCOL)
        if kind == "registry":
            content |= {
                "source": {"kind": "registry", "file": "data/alpha.csv", "exported": "2020-12-31"}
            }
        protocol = Protocol.model_validate(content)
    published = published or Published.model_validate(PRINTED)
    rebuilt = kind == "reconstruction"
    planned = plan(protocol, [f.estimand for f in published.figures])
    rows, sets = [], []
    for item in planned:
        e, scale = item.estimand, item.estimand.kind.scale
        row = {
            "estimand": str(e), "value": POINT.get(scale, 77.7), "lower": LOWER.get(scale, 12.1),
            "upper": UPPER.get(scale, 39.3), "p": POINT["p"], "n": 142, "events": 66,
            "method": "Kaplan-Meier" if scale == "fraction" else "count", "origin": kind,
            "analysis": item.analysis, "note": "",
        }  # fmt: skip
        if scale in ("count", "p", "standardised"):
            row |= {"lower": float("nan"), "upper": float("nan")}
        rows.append(row)
        target = str(e) in TARGETS
        sets.append({
            "estimand": str(e), "lower": LOWER.get(scale, 12.1), "upper": UPPER.get(scale, 39.3),
            "direction": "not identified" if scale == "ratio" else "", "target": target,
            "how": "by construction" if target else "sample", "members": members,
        })  # fmt: skip
    estimates, identified = pd.DataFrame(rows), pd.DataFrame(sets)
    by_key = identified.set_index("estimand")
    comparison = []
    for figure in published.figures:
        key = str(figure.estimand)
        if not rebuilt:
            verdict = "reproduced" if figure.id == "n" else "differs"
        elif key in TARGETS:
            verdict = "by construction"
        else:
            verdict = (
                "outside identified set" if figure.id == "p.treatment" else "within identified set"
            )
        comparison.append({
            "figure": figure.id, "estimand": key, "printed": figure.printed, "unit": figure.unit,
            "locator": figure.locator, "claim": figure.claim, "value": 0.7777, "lower": 0.7, "upper": 0.77,
            "identified_lower": by_key.loc[key, "lower"] if rebuilt else float("nan"),
            "identified_upper": by_key.loc[key, "upper"] if rebuilt else float("nan"),
            "verdict": verdict, "origin": kind, "note": "",
        })  # fmt: skip
    curves, envelopes = [], []
    for endpoint in protocol.endpoint_names:
        groups = [("", "")]
        groups += [(n, level) for n in protocol.names("category") for level in protocol.levels(n)]
        for i, (variable, level) in enumerate(groups):
            for t in range(0, 61, 6):
                s = 0.985 ** (t * (1 + i % 3))
                key = {"endpoint": endpoint, "variable": variable, "level": level, "time": float(t)}
                curves.append(key | {"at_risk": 100 - t, "events": 3, "censored": 3, "survival": s,
                                     "lower": 0.9 * s, "upper": min(1.0, 1.1 * s)})  # fmt: skip
                envelopes.append(key | {"lower": s * (1 - t / 250), "upper": s + (1 - s) * t / 250})
    audit = pd.DataFrame([
        {"check": "sums", "figures": "women; n", "printed": "60 and 82 of 142", "recomputed": "142",
         "verdict": "consistent", "severity": "none", "evidence": "The groups add up",
         "title": "Sex adds up", "hypothesis": ""},
        {"check": "logrank", "figures": "p.treatment; os36", "printed": f"p = 0.02 {HOSTILE}",
         "recomputed": "0.31 at least", "verdict": "inconsistent", "severity": "major",
         "evidence": "No arrangement of the printed events gives a smaller p",
         "title": "The printed p cannot be a log-rank p", "hypothesis": ""},
        {"check": "rates", "figures": "os36", "printed": "31.5%", "recomputed": "30.1%",
         "verdict": "explained", "severity": "minor", "evidence": "Crude rates print so",
         "title": "Rates are crude", "hypothesis": "the rates are shares of all patients"},
    ])  # fmt: skip
    flow = pd.DataFrame({
        "step": ["screened", *(s.id for s in protocol.eligibility)],
        "label": ["Patients in the source", *(s.label for s in protocol.eligibility)],
        "entering": [154, 154] + [142] * (len(protocol.eligibility) - 1),
        "excluded": [0, 12] + [0] * (len(protocol.eligibility) - 1),
        "remaining": [154] + [142] * len(protocol.eligibility),
    })  # fmt: skip
    quality = pd.DataFrame({"column": ["AGE"], "variable": ["age"], "rows": [154], "missing": [3],
                            "rejected": [0], "out_of_range": [1]})  # fmt: skip
    rejected = pd.DataFrame([{"file": "export.csv", "row": 12, "column": "AGE", "value": HOSTILE,
                              "rule": "number", "reason": "no number", "remedy": "correct it"}])  # fmt: skip
    targets = pd.DataFrame([
        {"figure": f.id, "estimand": str(f.estimand), "printed": f.printed, "lower": 0.0, "upper": 1.0,
         "status": "target" if str(f.estimand) in TARGETS else "set aside", "share_held": 1.0,
         "hypothesis": "", "reason": ""}
        for f in published.figures
    ])  # fmt: skip
    hypotheses = pd.DataFrame([{"endpoint": "os", "hypothesis": "crude rate", "feasible": True,
                                "chosen": True, "evidence": "fits"}])  # fmt: skip
    conflicts = pd.DataFrame([{
        "conflict": 1, "hypothesis": "Kaplan-Meier", "figures": "os36; n", "printed": "31.5%; 142",
        "status": "proved", "set_aside": "os36", "finding": True, "proof": "No count gives it.",
        "rechecked": "all fractions counted"}])  # fmt: skip
    ratio = "os.hazard_ratio by sex(male / female)"
    by_hypothesis = pd.DataFrame([
        {"hypothesis": name, "estimand": key, "lower": low, "upper": high, "direction": side, "members": 100}
        for key, found in {
            "os.events": [(40, 50, ""), (41, 50, "")],
            ratio: [(0.5, 0.9, "identified"), (1.1, 3.0, "identified")],
            "os.survival(36 months)": [(0.315, 0.3151, ""), (0.315, 0.3152, "")],
        }.items()
        for name, (low, high, side) in zip(("Kaplan-Meier", "crude"), found, strict=True)
    ])  # fmt: skip
    prior = pd.DataFrame({
        "estimand": ["os.survival(36 months)", ratio], "members": [members] * 2, "as_drawn": [0.315, 1.25],
        "events_equal": [0.3150001, 1.5], "orders_equal": [0.315, 1.85], "largest_weight": [0.1, 0.1],
    })  # fmt: skip
    diversity = pd.DataFrame({
        "of": ["", "sex", "os"], "members": [members] * 3, "distance": [0.4, 0.6, 0.2],
        "nearest": [0.3, 0.0, 0.1], "copies": [0, 3, 0], "effective": [1.6, 2.4, 1.2],
    })  # fmt: skip
    works = {
        key: Work(
            key, f"Title of {key}", ("Smith A",), "Journal", "2020", "1", "1–9", f"10.1000/{key}"
        )
        for key in ("alpha2020", "kaplan1958", "cox1972", "manski2003")
    }
    adjusted = adjusted_by_rule(protocol, rebuilt)
    extra = {"identified": identified, "envelopes": pd.DataFrame(envelopes), "targets": targets,
             "hypotheses": hypotheses, "conflicts": conflicts, "by_hypothesis": by_hypothesis,
             "prior": prior, "diversity": diversity, "members": members} if rebuilt else {}  # fmt: skip
    return StudyInputs(
        protocol=protocol, published=published, version="0.1.0", data_date="2026-01-31", audit=audit,
        flow=flow, data_quality=quality, rejected=rejected, estimates=estimates,
        curves=pd.DataFrame(curves), adjusted=adjusted, comparison=pd.DataFrame(comparison), references=works,
        provenance={"Software": {"pandas": "2.3"}, "Inputs": {"alpha.yaml": "sha256 0a1b"}}, **extra,
    )  # fmt: skip


@pytest.fixture(scope="session")
def make_inputs():
    return study_inputs


def combined_inputs():
    """A reconstruction and a registry, with one question pooled over both and one not."""
    import json

    import pandas as pd

    from resarc.evidence import mapped
    from resarc.protocol import Protocol
    from resarc.report.combined import CombinedInputs, CombinedStudy
    from resarc.report.study import build

    studies = []
    for name, kind in (("alpha", "reconstruction"), ("beta", "registry")):
        content = PROTOCOL | {"study": name, "title": f"Study {name} {HOSTILE}"}
        if kind == "registry":
            content |= {
                "source": {"kind": "registry", "file": "data/beta.csv", "exported": "2020-12-31"}
            }
        given = study_inputs(kind, Protocol.model_validate(content))
        studies.append(
            CombinedStudy(
                given.protocol,
                json.loads(build(given).to_json()),
                f"../{name}/report.html",
                given.curves,
                given.envelopes,
            )
        )
    nan = float("nan")

    def answer(
        quantity: str, label: str, study: str, estimand: str, kind: str, low: float, high: float
    ):
        rebuilt = kind == "reconstruction"
        return {
            "quantity": quantity, "label": label, "study": study, "estimand": estimand,
            "value": 0.7777 if rebuilt else (low + high) / 2, "lower": 0.7 if rebuilt else low,
            "upper": 0.77 if rebuilt else high, "level": 0.95, "identified_lower": low if rebuilt else nan,
            "identified_upper": high if rebuilt else nan, "printed": "31.5%", "origin": kind,
            "time_origin": "first metastasis", "population": f"Patients {HOSTILE}", "n": 142, "events": 66,
            "note": "", "asked": "death; the operated", "definition": "Death", "poolable": "yes",
            "departures": f"population differs: {HOSTILE}" if quantity == "s36" else "",
        }  # fmt: skip

    ratio = "os.hazard_ratio by sex(male / female)"
    harmonised = pd.DataFrame([
        answer("s36", "Survival at 3 years", "alpha", "os.survival(36 months)", "reconstruction", 0.21, 0.33),
        answer("s36", "Survival at 3 years", "beta", "os.survival(36 months)", "registry", 0.3, 0.5),
        answer("sex", "Men against women", "alpha", ratio, "reconstruction", 0.81, 3.14),
        answer("sex", "Men against women", "beta", ratio, "registry", 1.1, 2.5),
    ])  # fmt: skip
    empty = dict.fromkeys(
        ("value", "lower", "upper", "identified_lower", "identified_upper", "outer_lower", "outer_upper",
         "prediction_lower", "prediction_upper", "tau2", "i2"), nan,
    )  # fmt: skip
    pooled = pd.DataFrame([
        empty | {"quantity": "s36", "label": "Survival at 3 years", "k": 2, "studies": "alpha; beta",
                 "method": "", "pooled": "no", "reason": "time starts at different moments",
                 "heterogeneity": ""},
        empty | {"quantity": "sex", "label": "Men against women", "k": 2, "studies": "alpha; beta",
                 "value": 0.7777, "lower": 0.7, "upper": 0.77, "prediction_lower": 0.0777,
                 "prediction_upper": 7.7, "identified_lower": 0.93, "identified_upper": 2.91,
                 "outer_lower": 0.52, "outer_upper": 4.4, "tau2": 0.777, "i2": 0.7777,
                 "method": "random effects", "pooled": "yes", "reason": "the same contrast",
                 "heterogeneity": "They differ by a factor of 1.20 to 1.90."},
    ])  # fmt: skip
    left_out = pd.DataFrame([
        empty | {"quantity": "sex", "label": "Men against women", "left_out": "alpha", "k": 1,
                 "studies": "beta", "value": 1.8, "lower": 1.1, "upper": 2.5},
        empty | {"quantity": "sex", "label": "Men against women", "left_out": "beta", "k": 1,
                 "studies": "alpha", "value": 0.7777, "lower": 0.7, "upper": 0.77,
                 "identified_lower": 0.81, "identified_upper": 3.14, "outer_lower": 0.4,
                 "outer_upper": 5.1},
    ])  # fmt: skip
    reported = harmonised.head(2).assign(
        reported_lower=0.11, reported_upper=0.4, reference="cox1972", locator=f"p. 3 {HOSTILE}",
        what=f"series {HOSTILE}", relation=["within", "overlaps"],
    )  # fmt: skip
    works = pd.DataFrame([
        work_row("alpha2020", "yes", treatment="surgery; chemotherapy", site="lung", size=142),
        work_row("kaplan1958", "no", treatment="surgery", site="lung; other", disease=HOSTILE),
        work_row("cox1972", "no"),
    ]).astype({"size": "Int64"})  # fmt: skip
    return CombinedInputs(
        studies, harmonised, pooled, "0.1.0", "2026-01-31",
        study_inputs("registry").references, {"Software": {"pandas": "2.3"}},
        left_out, reported, works, mapped(works),
    )  # fmt: skip


def work_row(reference: str, reanalysed: str, **facts: object) -> dict[str, object]:
    """One work of the evidence map as `evidence.csv` has it."""
    from resarc.evidence import WORKS

    row = dict.fromkeys(WORKS, "") | {"size": None, "reference": reference, "year": "2020"}
    return (
        row | {"reanalysed": reanalysed, "size_of": "patients" if "size" in facts else ""} | facts
    )


@pytest.fixture(scope="session")
def make_combined():
    return combined_inputs


@pytest.fixture(scope="session")
def words_of_pdf(tmp_path_factory: pytest.TempPathFactory):
    """The words of each page as (left, top, right, bottom, word), in points; needs poppler."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler) is not installed")
    word = re.compile(r'xMin="(.+?)" yMin="(.+?)" xMax="(.+?)" yMax="(.+?)">(.*?)</word>')

    def extract(document: bytes) -> list[list[tuple[float, float, float, float, str]]]:
        path = tmp_path_factory.mktemp("pdf") / "report.pdf"
        path.write_bytes(document)
        command = ["pdftotext", "-bbox", str(path), "-"]
        printed = subprocess.run(command, check=True, capture_output=True).stdout
        pages = printed.decode("utf-8", "replace")
        return [
            [(*map(float, found[:4]), found[4]) for found in word.findall(page)]
            for page in pages.split("<page ")[1:]
        ]

    return extract


@pytest.fixture(scope="session")
def text_of_pdf(tmp_path_factory: pytest.TempPathFactory):
    """The text of a PDF in its layout, a form feed after each page; needs poppler."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler) is not installed")

    def extract(document: bytes) -> str:
        path = tmp_path_factory.mktemp("pdf") / "report.pdf"
        path.write_bytes(document)
        command = ["pdftotext", "-layout", str(path), "-"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    return extract
