"""The first page of an archive, for somebody who has never seen Resarc."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from resarc.archive import CHECKSUMS, CRATE, RUN
from resarc.archive.crate import Withheld

TEXT = """\
# {name}

An archive of one run of Resarc {version}: the sources, the settings, every result, and for each
result the job that made it. Made from the sources of {date},

    {swhid}

## What to open

`results/report/index.html` (all studies) and `results/<study>/report.html` in any browser, without a
network; `report.pdf` beside each. Tables are CSV (UTF-8) or Parquet.

{studies}

Settings of the run: {settings}.

## Check it

    sha256sum -c {checksums}

says of every file whether it is as it was archived (macOS: `shasum -a 256 -c`). It needs nothing of
Resarc. The SHA-256 of `{checksums}` itself identifies the content; compare its first digits with
the name of the zip file and the whole with what the authors published. `{run}` is the one file
that is not under checksum: times, and the kind of machine.

## Run it again

You need make and Python 3.11, 3.12 or 3.13 (or uv), and a network connection the first time. Running it
executes the code in `sources/`; read where the archive came from first.

    cd sources
    make verify ARCHIVE=<the zip file>

builds an environment of its own from `uv.lock`, unpacks the zip file in a new folder, checks it, runs the
pipeline again and says of each result whether it is the same, byte by byte. `ARGS=--checksums-only` leaves
out the run. `make` alone runs the pipeline in `sources/`.
{withheld}
## What is where

- `sources/`: the repository as it was. `sources/config/` says what each study is and what its paper
  printed; `sources/docs/methods.md` how each stage works and what it cannot show.
- `results/`: as `sources/README.md` lists them. `results/manifest.json` says of each file which job made it
  and what that job read.
- `provenance/jobs.json`: each job with its command. `{crate}` says the same to machines
  (RO-Crate 1.1, Provenance Run Crate 0.5).
- `CITATION.cff`, `LICENSE`: how to cite the software, and its licence. Cite each study too
  (`sources/config/references.bib`).
"""

WITHHELD = """
## What is not here

The patients of these registries. The archive holds the SHA-256 of their data, so that whoever may have
them can tell that they are the same:

{files}

Give them back with `ARGS="--input PATH=FILE"`, PATH as listed here.
"""


def readme(
    *,
    name: str,
    version: str,
    date: str,
    swhid: str,
    settings: Mapping[str, object],
    studies: Mapping[str, str],
    withheld: Sequence[Withheld],
) -> bytes:
    """The page; `studies` says of each where its results come from."""
    return TEXT.format(
        name=name,
        version=version,
        date=date,
        swhid=swhid,
        studies="\n".join(f"- `{study}`: {text}" for study, text in studies.items()),
        settings="; ".join(
            f"{key}: {', '.join(value) if isinstance(value, list | tuple) else value}"
            for key, value in settings.items()
        ),
        withheld=WITHHELD.format(
            files="\n".join(f"- `{each.path}` ({each.study}): `{each.sha256}`" for each in withheld)
        )
        if withheld
        else "",
        checksums=CHECKSUMS,
        run=RUN,
        crate=CRATE,
    ).encode("utf-8")
