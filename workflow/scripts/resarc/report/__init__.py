"""From results to documents: one content model, two renderings, no computation.

| module     | what it does                                                                |
|------------|-----------------------------------------------------------------------------|
| `model`    | what a report consists of; text only, never markup; written as `model.json` |
| `glyphs`   | which characters can be printed, and what stands for the others             |
| `figures`  | results to SVG drawings, each with its alternative text                     |
| `study`    | the report of one study from its result tables                              |
| `combined` | the report over all studies                                                 |
| `html`     | the model as one self-contained, accessible HTML file                       |
| `pdf`      | the same model as tagged, archivable PDF                                    |

A report selects, formats and orders. Every number in it stands in a result file.
"""
