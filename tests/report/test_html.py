"""The HTML page: whole in itself, readable by everyone, and nothing in it acts."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from resarc.report import figures, html
from resarc.report.model import Data, FigureBlock, Part, Report

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def page(sample: Report, parse):
    return parse(html.render(sample))


def test_same_bytes_twice(sample: Report) -> None:
    assert html.render(sample) == html.render(sample)


def test_hostile_text_prints_literally(page, hostile_shown: str) -> None:
    for part in (
        "<script>alert(1)</script> </script> <!-- #emph[x] $a_b$ @x *b* `c` {{ d }}",
        "&amp; =1+1",
        "\U0001f600 漢字",
        hostile_shown,
    ):
        assert part in page.text
    assert len(page.all("script")) == 1
    assert "alert(1)" not in "".join(page.script)


def test_nothing_is_loaded(page) -> None:
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert not [tag for tag, attributes in page.elements if "style" in attributes]
    assert not [
        tag for tag, _ in page.elements if tag in ("link", "img", "iframe", "object", "base")
    ]
    for tag, attributes in page.elements:
        assert "src" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("href", "xlink:href"):
            address = attributes.get(name) or "#"
            local = address.startswith("#") or (tag == "a" and ":" not in address)
            assert local or (tag == "a" and address.startswith("https://doi.org/")), address
    style = "".join(page.script)
    assert "@import" not in style
    assert "url(" not in style


@pytest.mark.parametrize("tag", ["script", "style"])
def test_script_and_style_match_their_hashes(sample: Report, tag: str) -> None:
    import base64
    import hashlib

    text = html.render(sample)
    (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    assert f"{tag}-src 'sha256-{digest}'" in text


def test_data_of_a_figure_stay_data(sample: Report) -> None:
    """Text that ends a script element or begins a comment in HTML does neither within the data."""
    words = "</script><script>alert(1)</script><!-- &amp; \u2028 = ]]>"
    data = Data(("group", "value"), (Part((words,), ((1.5,), (None,))),))
    figure = FigureBlock("data", DRAWING, "One.", "Figure", "analyse", data=data)
    section = replace(sample.sections[0], blocks=(figure,))
    text = html.render(replace(sample, summary=(), sections=(section,)))
    (content,) = re.findall(r'<script type="application/json">(.*?)</script>', text, re.DOTALL)
    assert not set(content) & set("<>&\u2028")
    found = json.loads(content)["data"]["parts"][0]
    # The line separator is shown by its code point, as everywhere.
    assert found["names"] == [words.replace("\u2028", "[U+2028]")]
    assert found["rows"] == [[1.5], [None]]


def test_ids_are_unique_and_every_fragment_leads_somewhere(page) -> None:
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    fragments = {a["href"][1:] for a in page.all("a") if (a["href"] or "").startswith("#")}
    fragments |= {a["xlink:href"][1:] for a in page.all("use")}
    assert fragments
    assert fragments <= set(ids)
    for _, attributes in page.elements:
        for name in ("aria-labelledby", "aria-describedby"):
            assert set((attributes.get(name) or "").split()) <= set(ids)


def test_structure_for_assistive_technology(page) -> None:
    assert page.all("html") == [{"lang": "en", "data-study": "alpha"}]
    assert len(page.all("h1")) == 1
    assert page.all("a")[0]["class"] == "skip"
    assert len(page.all("caption")) == len(page.all("table")) == 2
    assert all(th.get("scope") in ("col", "row", "rowgroup") for th in page.all("th"))
    assert [svg["role"] for svg in page.all("svg")] == ["img", "img"]
    assert len(page.all("desc")) == 2
    assert any("Of 90, 60 remain" in words for words in page.described)


def test_origin_and_marks_are_words(page) -> None:
    assert page.text.count("Reconstructed data") == 2
    assert "(by construction)" in page.text
    assert "† By construction: this figure was a target" in page.text


DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">'
    "<text style=\"font: bold 8.5px 'DejaVu Sans', sans-serif; fill: #1a1c20\">one</text>"
    '<path d="M0 0L9 9" style="stroke: #0072B2; stroke-width: 0.7; fill: none"/></svg>'
)


def test_drawings_take_the_colours_of_the_page() -> None:
    found = html.inline_svg(DRAWING, "f", "Figure 1", "what it shows")
    assert 'font-size="8.5" font-family="\'DejaVu Sans\', sans-serif" font-weight="bold"' in found
    assert 'fill="var(--ink)"' in found
    assert 'stroke="var(--blue)" stroke-width="0.7" fill="none"' in found
    assert "style" not in found


SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{}</svg>'


@pytest.mark.parametrize(
    "inside",
    [
        "<script>1</script>",
        "<foreignObject/>",
        '<image xlink:href="https://a.b/c.png"/>',
        '<use xlink:href="https://a.b/c.svg#d"/>',
        '<rect onclick="x()"/>',
        '<rect fill="url(https://a.b/c)"/>',
        '<rect style="fill:url(#a);stroke:url(&quot;https://a.b/c&quot;)"/>',
        "<style>*{color:red}</style>",
        '<rect style="position:fixed"/>',
        '<rect style="background:red"/>',
    ],
)
def test_drawings_cannot_load_run_or_restyle(inside: str) -> None:
    with pytest.raises(ValueError, match="figure 'f'"):
        html.inline_svg(SVG.format(inside), "f", "Figure 1", "what it shows")


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "panel"])
@pytest.mark.parametrize("words", ["ink", "quiet", "link", "good", "warning", "bad", "rebuilt"])
def test_text_contrast_meets_wcag_aa(scheme: str, ground: str, words: str) -> None:
    colours = html.PALETTE[scheme]
    assert contrast(colours[words], colours[ground]) >= 4.5


DRAWN = [name for name in figures.COLOUR_NAMES.values() if name not in ("card", "faint")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["card", "panel"])
@pytest.mark.parametrize("colour", DRAWN)
def test_drawings_stand_out_from_their_ground(scheme: str, ground: str, colour: str) -> None:
    """WCAG 2.2: text 4.5 to 1 (1.4.3), lines and marks 3 to 1 (1.4.11)."""
    colours = html.PALETTE[scheme]
    text = colour.endswith("-text") or colour in ("ink", "quiet", "black")
    assert contrast(colours[colour], colours[ground]) >= (4.5 if text else 3.0)


def test_the_light_scheme_is_that_of_the_drawings() -> None:
    light = html.PALETTE["light"]
    assert {name: light[name] for name in figures.COLOUR_NAMES.values()} == {
        name: colour for colour, name in figures.COLOUR_NAMES.items()
    }
    assert set(html.PALETTE["dark"]) == set(light)
