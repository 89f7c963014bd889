"""Resarc: reproducible re-analysis of published studies, from patients or from printed figures.

Start with three modules: `estimand` (what is estimated), `protocol` (what a study is) and
`published` (what it printed). Everything else turns these into results and reports.
"""

__version__ = "0.1.0"
