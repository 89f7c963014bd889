"""Releases: what may be shared of the results of a registry, under a stated rule.

| module      | what it holds                                                                     |
|-------------|-----------------------------------------------------------------------------------|
| `columns`   | the disclosure class of every column of every table of results                    |
| `rounding`  | rounded counts, and what they still tell                                          |
| `groups`    | groups of patients in terms in which they can be subtracted from each other       |
| `attack`    | what can be solved from all released counts together                              |
| `counts`    | which counts are suppressed: small ones, and others until no small one is exposed |
| `curves`    | survival curves that do not give the patients back                                |
| `estimates` | every estimate by its statistic                                                   |
| `release`   | the tables of one study                                                           |

Like `identify`, it stands above the analysis and uses it: what is told of survival is evaluated on
the released curves by the same code as on patients.
"""

from resarc.disclosure.release import Release, release

__all__ = ["Release", "release"]
