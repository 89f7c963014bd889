# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A study, step by step
#
# This notebook follows one study through the files that the pipeline wrote, in the order in which
# they were made. It reads results and shows them; it computes none. To look further, run it again
# from the folder `notebooks` with another study and add cells: every table below is a data frame.

# %% tags=["parameters"]
study = "okayama2022"
root = ".."

# %%
# ruff: noqa: E402 (the first cell holds the parameters)
import sys
from html import escape
from pathlib import Path

import pandas as pd
from IPython.display import HTML, SVG, display

sys.path.insert(0, str(Path(root) / "workflow" / "scripts"))

from resarc.configuration import from_json
from resarc.output import read_csv
from resarc.protocol import Protocol
from resarc.published import Published
from resarc.report import figures
from resarc.report.results import Results

results = Path(root) / "results" / study
protocol = from_json(results / "protocol.json", Protocol)
published = from_json(results / "published.json", Published)
rebuilt = protocol.source.kind == "reconstruction"
pd.set_option("display.max_colwidth", None, "display.max_rows", None)


def show(frame: pd.DataFrame) -> None:
    """A result table; what it holds is shown as text, never as markup."""
    display(HTML(frame.to_html(index=False, na_rep="", border=0, float_format="{:.4g}".format)))


def say(text: str) -> None:
    display(HTML(f"<p>{escape(text)}</p>"))


# %% [markdown]
# ## The study

# %%
say(protocol.title)
say(f"Who is studied: {protocol.population}. Time is counted from {protocol.origin_label}.")
say(
    "Origin of all results below: reconstruction. Datasets were rebuilt from the printed figures "
    "alone; no patient stands behind them. What the datasets agree on is known, what they disagree "
    "on is not: beside each value stands the range from the lowest to the highest among them."
    if rebuilt
    else "Origin of all results below: registry, the group's own patients."
)

# %% [markdown]
# ## The printed figures, held against each other
#
# Checks of the paper that need no patient: counts that must add up, shares that must belong to a
# count, intervals that must belong to an estimate.

# %%
audit = read_csv(results / "audit.csv")
show(audit.groupby(["verdict", "severity"], sort=True).size().rename("checks").reset_index())
show(audit.loc[audit["verdict"] == "inconsistent", ["check", "printed", "recomputed", "evidence"]])

# %% [markdown]
# ## From the source to the cohort
#
# Each row of the source is kept or rejected; each patient then passes the steps of eligibility in
# this order.

# %%
say(f"Rows that were rejected: {read_csv(results / 'rejected.csv')['row'].nunique()}.")
flow = read_csv(results / "flow.csv")
show(flow)

# %% [markdown]
# ## Survival
#
# Kaplan-Meier estimates. Of a reconstruction, the band in which the curves of all datasets lie.

# %%
curves = read_csv(results / "curves.csv")
envelopes = read_csv(results / "envelopes.csv") if rebuilt else None


def whole_cohort(table: pd.DataFrame, endpoint: str) -> pd.DataFrame:
    return table[(table["endpoint"] == endpoint) & table["variable"].isna()]


for endpoint in protocol.endpoints:
    steps = whole_cohort(curves, endpoint.name)
    if steps.empty:
        continue
    band = whole_cohort(envelopes, endpoint.name) if rebuilt else None
    last = steps.iloc[-1]
    drawing = figures.survival(
        [figures.Curve("All patients", steps, band)],
        endpoint=endpoint.label,
        finding=f"{endpoint.label} of all patients over {last['time']:.0f} months",
        level=protocol.conventions.level,
    )
    display(SVG(drawing.svg))
    say(drawing.caption)

# %% [markdown]
# ## Estimates
#
# Every analysis of the protocol. From a registry: the value with its confidence interval. From a
# reconstruction: the lowest and the highest value among the datasets; a result that was itself a
# target agrees with the paper *by construction*, which confirms nothing.

# %%
estimates = read_csv(results / "estimates.csv")
identified = read_csv(results / "identified.csv") if rebuilt else None
found = Results(protocol, published, estimates, identified)
analysis_of = estimates.set_index("estimand")["analysis"]

for analysis in protocol.analyses:
    rows = []
    for estimand in found.keys:
        if analysis_of[str(estimand)] == analysis.id:
            cell = found.cell(estimand)
            row = {"estimate": found.describe(estimand), "result": cell.text}
            rows.append(row | {"mark": cell.mark, "printed": found.printed(estimand)})
    if rows:
        display(HTML(f"<h3>{escape(analysis.label)}</h3>"))
        show(pd.DataFrame(rows))

# %% [markdown]
# ## Against the paper
#
# Each printed figure beside what was found, and the verdict.

# %%
comparison = read_csv(results / "comparison.csv")
show(comparison.groupby("verdict", sort=True).size().rename("figures").reset_index())
columns = ["figure", "printed", "unit", "verdict", "locator"]
ranges = ["identified_lower_printed_unit", "identified_upper_printed_unit"]
columns[3:3] = ranges if rebuilt else ["value_printed_unit"]
show(comparison[columns])
