"""Read the configuration of a study, check it, and keep it in a form that is read quickly."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from command import command_line
from resarc import domains, evidence, protocol, published, references, synthesis
from resarc.configuration import to_json
from resarc.errors import ConfigurationError
from resarc.output import write_text
from resarc.protocol import Protocol
from resarc.published import Published

# What all studies share is read once in a process: the bibliography grows with the studies, so that
# reading it for each would cost their square.
load_references = cache(references.load)
load_questions = cache(synthesis.load)


def main() -> None:
    parser = command_line(
        __doc__, reads=["protocol"], writes=["checked-protocol", "checked-published"]
    )
    parser.add_argument(
        "--published", type=Path, help="what the paper printed; none if a registry repeats no paper"
    )
    arguments = parser.parse_args()
    study = protocol.load(arguments.protocol)
    printed = published.nothing_of(study.study)
    if arguments.published:
        printed = published.load(arguments.published)
        check_together(study, arguments.protocol, printed, arguments.published)
    write_text(to_json(study), arguments.checked_protocol)
    write_text(to_json(printed), arguments.checked_published)


def check_study(
    of_study: Path, of_printed: Path, bibliography: Path, questions: Path, works: Path
) -> int:
    """All that is written of a study, of its paper if there is one, and of all studies together;
    `ConfigurationError` if a file is wrong or contradicts another. Patients times printed figures."""
    study = protocol.load(of_study)
    asking, size = {of_study: study.reference}, 0
    if of_printed.is_file():
        printed = published.load(of_printed)
        check_together(study, of_study, printed, of_printed)
        asking[of_printed] = printed.reference
        size = len(printed.figures) * (printed.count() or 0)
    check_references(asking, bibliography)
    check_questions(study, of_study, questions)
    check_shared(bibliography, questions, works)
    return size


def check_together(study: Protocol, of_study: Path, printed: Published, of_printed: Path) -> None:
    """Whatever the paper prints can be had under the protocol; `ConfigurationError` if not."""
    if study.source.kind == "reconstruction" and not printed.figures:
        raise ConfigurationError(
            f"{of_printed}, key figures",
            "no figure",
            "the figures from which the patients are rebuilt",
            "Write down what the paper printed, or give the study a registry.",
        )
    for name in printed.endpoints:
        if name not in study.endpoint_names:
            raise ConfigurationError(
                f"{of_printed}, key endpoints",
                repr(name),
                f"endpoints of {of_study} ({', '.join(study.endpoint_names)})",
            )
    where = [(f"figure {figure.id}", figure.estimand) for figure in printed.figures]
    where += [(f"highlighted {h.id}", e) for h in printed.highlighted for e in h.estimands]
    for place, estimand in where:
        fault = study.explain_fault(estimand)
        if fault:
            raise ConfigurationError(
                f"{of_printed}, {place}",
                fault,
                f"an estimand that {of_study} can have",
                "Correct the estimand, or declare the variable in the protocol.",
            )
    if study.source.kind == "reconstruction" and not printed.count():
        raise ConfigurationError(
            f"{of_printed}, key figures",
            "no figure of the estimand 'n'",
            "the printed number of patients",
            'Add it: {id: n, estimand: "n", printed: "…", locator: …}.',
        )
    for figure, found, expected in domains.faults(printed, study):
        place = f"{of_printed}, figure {figure.id} ({figure.estimand})"
        raise ConfigurationError(place, found, expected, domains.REMEDY)


def check_references(keys: dict[Path, str], bibliography: Path) -> None:
    """The reference that each file names, if it names one, stands in the bibliography."""
    known = load_references(bibliography)
    for asking, key in keys.items():
        if key and key not in known:
            raise ConfigurationError(
                f"{asking}, key reference",
                repr(key),
                f"a key of {bibliography} ({', '.join(known)})",
            )


@cache
def check_shared(bibliography: Path, questions: Path, works: Path) -> None:
    """What is written of all studies together, once in a process."""
    known = load_references(bibliography)
    evidence.check(evidence.load(works), known, str(works))
    for question in load_questions(questions).questions:
        if question.reported and question.reported.reference not in known:
            raise ConfigurationError(
                f"{questions}, question {question.id}, key reported.reference",
                repr(question.reported.reference),
                f"a key of {bibliography}",
            )


def check_questions(study: Protocol, of_study: Path, questions: Path) -> None:
    """What the synthesis asks of the study; `ConfigurationError` if the study cannot have it."""
    for estimand in load_questions(questions).estimands(study.study):
        fault = study.explain_fault(estimand)
        if fault:
            raise ConfigurationError(
                f"{questions}, an answer of {study.study}",
                fault,
                f"an estimand that {of_study} can have",
                "Correct the estimand, or declare the variable in the protocol.",
            )


if __name__ == "__main__":
    main()
