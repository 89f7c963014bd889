"""From results to documents: one content model, two renderings, no computation.

| module       | what it does                                                                |
|--------------|-----------------------------------------------------------------------------|
| `model`      | what a report consists of; text only, never markup; written as `model.json` |
| `glyphs`     | which characters can be printed, and what stands for the others             |
| `results`    | a study's results as cells: where the rules for reconstructed ones are kept |
| `analyses`   | the table of each kind of analysis                                          |
| `figures`    | results to SVG drawings, each with its alternative text                     |
| `study`      | the report of one study, a module for each question; how to add a section   |
| `combined`   | the report over all studies, likewise                                       |
| `html`       | the model as one self-contained, accessible HTML file                       |
| `pdf`        | the same model as tagged, archivable PDF                                    |
| `manuscript` | the tables that a manuscript takes; `word` and `latex` write them           |
| `snippets`   | every result as a sentence                                                  |

A report selects, formats and orders. Every number in it stands in a result file.
"""
