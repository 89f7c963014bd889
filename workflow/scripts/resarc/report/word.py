"""Tables as a Word document: real tables, to be edited, the same bytes for the same content.

Header rows are marked as such and repeated on each page, rows are not broken between pages, captions
carry Word's own numbering field (`SEQ Table`), notes stand below. Texts are text runs only, so nothing
in them is a field, a formula or markup.
"""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING, Any

from resarc.report.manuscript import Manuscript, is_wide, shares_of

if TYPE_CHECKING:
    from docx.document import Document
    from docx.text.paragraph import Paragraph

FONT = "Times New Roman"
_A4 = (11906, 16838)
_MARGIN = 1134
"""Paper and margin in twentieths of a point: 210 by 297 mm, 20 mm."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


def render(manuscript: Manuscript) -> bytes:
    """The document as the bytes of a .docx file."""
    import docx

    document = docx.Document()
    _set_styles(document)
    _turn(document.sections[0], wide=False)
    document.add_heading(_text(manuscript.title), level=0)
    for words in manuscript.lead:
        document.add_paragraph(_text(words))
    wide = False
    for number, table in enumerate(manuscript.plain(), 1):
        if is_wide(table) != wide:
            wide = not wide
            _turn(document.add_section(), wide=wide)
        _add_table(document, table, number, _room(wide))
    _set_properties(document, manuscript)
    buffer = BytesIO()
    document.save(buffer)
    return _repacked(buffer.getvalue())


def _text(words: str) -> str:
    from resarc.report.glyphs import visible

    return visible(words)


# -- the document ----------------------------------------------------------------------------------


def _set_styles(document: Document) -> None:
    from docx.enum.style import WD_STYLE_TYPE
    from docx.oxml.ns import qn
    from docx.shared import Pt, RGBColor

    black = RGBColor(0, 0, 0)
    styles = document.styles
    for name, size, bold in (("Normal", 11, False), ("Title", 16, True), ("Caption", 10, False)):
        style = styles[name]
        style.font.name, style.font.size, style.font.bold = FONT, Pt(size), bold
        style.font.color.rgb = black
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for key in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
            fonts.attrib.pop(qn(f"w:{key}"), None)
        for key in ("ascii", "hAnsi", "cs", "eastAsia"):
            fonts.set(qn(f"w:{key}"), FONT)
    for border in styles["Title"].element.iter(qn("w:pBdr")):
        border.getparent().remove(border)
        break
    styles["Caption"].paragraph_format.keep_with_next = True
    styles["Caption"].paragraph_format.space_before = Pt(14)
    for name, size in (("Table Text", 9), ("Table Note", 8)):
        style = styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
        style.base_style = styles["Normal"]
        style.font.size = Pt(size)
        style.paragraph_format.space_before = style.paragraph_format.space_after = Pt(1)


def _room(wide: bool) -> int:
    return _A4[1 if wide else 0] - 2 * _MARGIN


def _turn(section: Any, *, wide: bool) -> None:
    from docx.enum.section import WD_ORIENT
    from docx.shared import Twips

    width, height = _A4[::-1] if wide else _A4
    section.orientation = WD_ORIENT.LANDSCAPE if wide else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = Twips(width), Twips(height)
    section.left_margin = section.right_margin = Twips(_MARGIN)
    section.top_margin = section.bottom_margin = Twips(_MARGIN)


def _set_properties(document: Document, manuscript: Manuscript) -> None:
    """Who, what and when, from the content alone; and no picture of another document."""
    day = datetime.datetime.combine(
        datetime.date.fromisoformat(manuscript.data_date), datetime.time()
    )
    properties = document.core_properties
    properties.title, properties.author = _text(manuscript.title), f"Resarc {manuscript.version}"
    properties.language, properties.revision = manuscript.language, 1
    properties.comments = properties.keywords = properties.subject = properties.category = ""
    properties.last_modified_by = properties.author
    properties.created = properties.modified = day
    relations = document.part.package.rels
    for key in [key for key, found in relations.items() if found.reltype.endswith("/thumbnail")]:
        del relations[key]


def _repacked(content: bytes) -> bytes:
    """The same archive with no trace of when and where it was written."""
    buffer = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(content)) as source,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
            entry.external_attr = 0o644 << 16
            target.writestr(entry, source.read(name))
    return buffer.getvalue()


# -- a table ---------------------------------------------------------------------------------------


def _add_table(document: Document, table: dict[str, Any], number: int, room: int) -> None:
    caption = document.add_paragraph(style="Caption")
    caption.add_run("Table ").bold = True
    _add_field(caption, "SEQ Table \\* ARABIC", str(number))
    caption.add_run(". ").bold = True
    badge = f" ({table['badge']})" if table["badge"] else ""
    caption.add_run(f"{table['caption']}{badge}")
    # Before the section's own settings, which end the body.
    caption._p.addnext(_grid(table, room))
    for line in table["legend"]:
        note = document.add_paragraph(style="Table Note")
        if line["sign"]:
            note.add_run(line["sign"]).font.superscript = True
            note.add_run(" ")
        note.add_run(line["text"])


def _add_field(paragraph: Paragraph, code: str, shown: str) -> None:
    """A field that Word can renumber; `shown` is what it holds until then."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    for kind, words in (("begin", ""), ("", code), ("separate", ""), ("text", shown), ("end", "")):
        run = paragraph.add_run(words if kind == "text" else "")
        run.bold = True
        if kind == "text":
            continue
        if kind:
            mark = OxmlElement("w:fldChar")
            mark.set(qn("w:fldCharType"), kind)
        else:
            mark = OxmlElement("w:instrText")
            mark.set(qn("xml:space"), "preserve")
            mark.text = f" {words} "
        run._r.append(mark)


def _grid(table: dict[str, Any], room: int) -> Any:
    """The `w:tbl` element. It is built by hand: python-docx finds a cell by counting all before it,
    which takes long in a table of hundreds of rows."""
    columns = table["columns"]
    widths = [round(share * room) for share in shares_of(table)]
    grid = _element("tbl")
    settings = _child(grid, "tblPr")
    _child(settings, "tblW", w=sum(widths), type="dxa")
    borders = _child(settings, "tblBorders")
    for side in ("top", "bottom"):
        _child(borders, side, val="single", sz=8, space=0, color="000000")
    _child(settings, "tblLayout", type="fixed")
    margins = _child(settings, "tblCellMar")
    for side in ("left", "right"):
        _child(margins, side, w=60, type="dxa")
    _child(
        settings, "tblLook", val="0020", firstRow=1, lastRow=0, firstColumn=0, noHBand=1, noVBand=1
    )
    _child(settings, "tblCaption", val=f"{table['number']}. {table['caption']}")
    wires = _child(grid, "tblGrid")
    for width in widths:
        _child(wires, "gridCol", w=width)
    row = _row(grid, header=True)
    for column, width in zip(columns, widths, strict=True):
        cell = _cell(row, width, rule=True)
        _write(cell, column["header"], column["letter"], align=column["align"], bold=True)
    grouped = any(group["label"] for group in table["groups"])
    for group in table["groups"]:
        if group["label"]:
            cell = _cell(_row(grid), sum(widths), span=len(columns))
            _write(cell, group["label"], bold=True, keep=True)
        for cells in group["rows"]:
            row = _row(grid)
            for place, (item, width) in enumerate(zip(cells, widths, strict=True)):
                _write(
                    _cell(row, width), item["text"], item["letter"], item["sign"],
                    align=columns[place]["align"], indent=grouped and not place and bool(group["label"]),
                )  # fmt: skip
    return grid


def _element(name: str, **attributes: object) -> Any:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    element = OxmlElement(f"w:{name}")
    for key, value in attributes.items():
        element.set(qn(f"w:{key}"), str(value))
    return element


def _child(parent: Any, name: str, **attributes: object) -> Any:
    child = _element(name, **attributes)
    parent.append(child)
    return child


def _row(grid: Any, *, header: bool = False) -> Any:
    row = _child(grid, "tr")
    settings = _child(row, "trPr")
    _child(settings, "cantSplit")
    if header:
        _child(settings, "tblHeader")
    return row


def _cell(row: Any, width: int, *, span: int = 1, rule: bool = False) -> Any:
    cell = _child(row, "tc")
    settings = _child(cell, "tcPr")
    _child(settings, "tcW", w=width, type="dxa")
    if span > 1:
        _child(settings, "gridSpan", val=span)
    if rule:
        borders = _child(settings, "tcBorders")
        _child(borders, "bottom", val="single", sz=4, space=0, color="000000")
        _child(settings, "vAlign", val="bottom")
    return cell


def _write(
    cell: Any,
    words: str,
    *signs: str,
    align: str = "left",
    bold: bool = False,
    indent: bool = False,
    keep: bool = False,
) -> None:
    paragraph = _child(cell, "p")
    settings = _child(paragraph, "pPr")
    _child(settings, "pStyle", val="TableText")
    if keep:
        _child(settings, "keepNext")
    if indent:
        _child(settings, "ind", left=170)
    _child(settings, "jc", val=align)
    for text, raised in _runs(words, signs):
        run = _child(paragraph, "r")
        look = _child(run, "rPr")
        if bold:
            _child(look, "b")
        if raised:
            _child(look, "vertAlign", val="superscript")
        shown = _child(run, "t")
        shown.text = text
        shown.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")


def _runs(words: str, signs: Iterable[str]) -> Iterable[tuple[str, bool]]:
    yield words, False
    for sign in filter(None, signs):
        yield sign, True
