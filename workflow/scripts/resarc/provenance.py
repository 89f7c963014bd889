"""What a result rests on: the code and software that made it, and digests that identify files."""

from __future__ import annotations

import ast
import hashlib
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

import resarc


def code_of(script: Path, root: Path) -> list[Path]:
    """The files whose content a script's result depends on, sorted, the script among them.

    These are the modules below `root` that it imports, directly or through others, anywhere in
    their text (an import inside a function counts), and the files that are not Python in the
    packages among them (templates). An edit of any other file cannot change what the script does.
    """
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(_imported(path, root))
            if path.name == "__init__.py" and path.parent.parent != root:
                found.update(_data_files(path.parent))
    return sorted(found)


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def software(project: Path) -> dict[str, str]:
    """Versions of Resarc and of the libraries that a `pyproject.toml` names, and the Python versions
    that it allows. The very Python is not named: results do not depend on it, and are the same bytes
    on each (the log of a run and its archive name it)."""
    content = tomllib.loads(project.read_text(encoding="utf-8"))
    names = [
        re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in content["project"]["dependencies"]
    ]
    return {
        "resarc": resarc.__version__,
        "python": content["project"]["requires-python"],
        **{name: version(name) for name in sorted(names)},
    }


@cache
def _imported(path: Path, root: Path) -> tuple[Path, ...]:
    """Files below `root` that a module's import statements execute."""
    package = path.parent.relative_to(root).parts if path.is_relative_to(root) else ()
    found: dict[Path, None] = {}
    for node in _import_statements(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        else:
            start = package[: len(package) - node.level + 1] if node.level else ()
            module = (*start, *(node.module.split(".") if node.module else ()))
            names = [(*module, alias.name) for alias in node.names]
        for parts in names:
            found |= dict.fromkeys(_files_of(parts, root))
    return tuple(found)


def _import_statements(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    """Import statements at any depth; expressions, which hold none, are not searched."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif not isinstance(node, ast.expr):
            for name in ("body", "orelse", "finalbody", "handlers", "cases"):
                waiting.extend(getattr(node, name, ()))


def _files_of(parts: tuple[str, ...], root: Path) -> Iterator[Path]:
    """What importing `a.b.c` executes: the packages a and a.b, and c if it is a module."""
    for length in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:length])
        if (place / "__init__.py").is_file():
            yield place / "__init__.py"
        elif place.with_suffix(".py").is_file():
            yield place.with_suffix(".py")
        else:
            return


def _data_files(package: Path) -> Iterator[Path]:
    """Files of a package that are not Python. What Python and numba compiled is left out: it follows
    from the code, and appears while a job runs."""
    for path in package.rglob("*"):
        inner = path.relative_to(package).parts
        if (
            path.is_file()
            and path.suffix != ".py"
            and "__pycache__" not in inner
            and path.name[0] != "."
        ):
            yield path
