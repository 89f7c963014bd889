"""Run the study notebook on a study's results, and keep it as a notebook and as a web page."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from command import command_line
from resarc.output import write_text

KEPT = ("tags",)
"""Metadata of cells that the same results make the same; times of execution, for one, are not."""


def main() -> None:
    parser = command_line(__doc__, reads=["notebook", "template"], writes=["executed", "page"])
    parser.add_argument("--study", required=True, help="the study's id")
    arguments = parser.parse_args()
    notebook = execute(arguments.notebook, {"study": arguments.study, "root": "."})
    settle(notebook)
    write_text(as_json(notebook), arguments.executed)
    write_text(as_page(notebook, arguments.template, arguments.study), arguments.page)


def execute(path: Path, parameters: dict[str, str]) -> Any:
    """The notebook (jupytext, percent format) with its outputs, run in this folder by papermill."""
    with tempfile.TemporaryDirectory(prefix="resarc-") as folder:
        # Settings of the user's own Jupyter and IPython must not change what is computed here.
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
            os.environ[name] = str(Path(folder, name.lower()))
        os.environ |= {"JUPYTER_PREFER_ENV_PATH": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        os.environ |= {"MPLBACKEND": "Agg"}
        import jupytext
        import papermill

        source, done = Path(folder, "source.ipynb"), Path(folder, "done.ipynb")
        jupytext.write(jupytext.read(path), source)
        return papermill.execute_notebook(
            source, done, parameters, kernel_name="python3", progress_bar=False
        )


def settle(notebook: Any) -> None:
    """Drop what differs from run to run though the results do not: ids, times, machine."""
    metadata = notebook.metadata
    notebook.metadata = {
        "kernelspec": metadata.kernelspec,
        "language_info": {"name": "python", "file_extension": ".py"},
    }
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{number}"
        cell.metadata = {name: cell.metadata[name] for name in KEPT if cell.metadata.get(name)}


def as_json(notebook: Any) -> str:
    import nbformat

    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def as_page(notebook: Any, template: Path, study: str) -> str:
    """One HTML file that loads nothing from elsewhere."""
    import jinja2
    from markupsafe import Markup
    from nbconvert import HTMLExporter
    from pygments.formatters import HtmlFormatter

    body, _ = HTMLExporter(template_name="basic").from_notebook_node(notebook)
    page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
        template.read_text(encoding="utf-8")
    )
    return page.render(
        title=f"{study}: notebook",
        body=Markup(body),
        highlighting=Markup(HtmlFormatter().get_style_defs(".highlight")),
    )


if __name__ == "__main__":
    main()
