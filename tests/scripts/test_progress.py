"""What stands on the screen while a run goes on, at its end, and when a job fails."""

import io
import json
import logging

import pytest

import progress
from progress import Course, Running, Screen, duration, finding, read_times, reported

pytestmark = pytest.mark.unit


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def screen(clock, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Screen, "_watch", lambda _: None)  # looked at by hand
    return Screen(io.StringIO(), jobs_at_once=2, expected={}, nothing="Nothing.", clock=clock)


def event(name, message="", level=logging.INFO, **more):
    record = logging.LogRecord("snakemake", level, "", 0, message, None, None)
    record.__dict__.update(more, event=name)
    return record


def start(screen, number, rule="audit", study="a", log=("logs/a/audit.log",)):
    wildcards = {"study": study} if study else {}
    screen.emit(
        event(
            "job_info",
            jobid=number,
            rule_name=rule,
            rule_msg=f"Doing {rule} of {study}",
            wildcards=wildcards,
            log=list(log),
        )
    )


def end(screen, number):
    screen.emit(event("job_finished", job_id=number))


def lines(screen):
    """What was written, without the times of day."""
    return [line[10:] for line in screen.stream.getvalue().splitlines()]


def test_each_job_that_ends_is_a_line_with_its_number_and_time(screen, clock):
    screen.emit(event("run_info", stats={"audit": 2, "all": 1, "total": 3}))
    start(screen, 1)
    start(screen, 2, study="b")
    clock.now += 2
    end(screen, 2)
    end(screen, 1)
    assert lines(screen) == [
        "2 jobs, up to 2 at a time",
        "1 of 2  Doing audit of b  2.0 s",
        "2 of 2  Doing audit of a  2.0 s",
    ]


def test_chatter_is_left_out_and_warnings_stay(screen):
    screen.emit(event(None, "Select jobs to execute..."))
    screen.emit(event("shellcmd", "python workflow/scripts/audit.py"))
    screen.emit(event(None, "The disk is slow.", logging.WARNING))
    screen.emit(event("error", "At least one job did not complete successfully.", logging.ERROR))
    assert lines(screen) == ["The disk is slow."]


def test_nothing_to_do_is_said_in_plain_words(screen):
    screen.emit(event(None, "Nothing to be done (all requested files are present)."))
    assert lines(screen) == ["Nothing."]


def test_a_failed_job_shows_the_end_of_its_log(screen, clock, tmp_path):
    log = tmp_path / "audit.log"
    log.write_text("".join(f"line {i}\n" for i in range(100)) + "error: it is wrong\n")
    screen.emit(event("run_info", stats={"audit": 1, "total": 1}))
    start(screen, 1, log=[log])
    clock.now += 12
    screen.emit(
        event(
            "job_error",
            "Error in rule audit, jobid: 1",
            logging.ERROR,
            jobid=1,
            rule_name="audit",
            rule_msg=None,
            log=[str(log)],
            aux={},
        )
    )
    shown = lines(screen)
    assert shown[1] == "FAILED after 12 s: Doing audit of a"
    assert shown[2] == f"Its log, {log}, its last 30 lines:"
    assert shown[-1] == "| error: it is wrong"
    assert len(shown) == 33
    said = screen.stopped()
    assert "Stopped after 12 s: 0 of 1 job ended well." in said
    assert f"Failed: Doing audit of a; its log: {log}" in said


def test_a_log_that_is_not_there_does_no_harm(screen):
    start(screen, 1, log=["nowhere.log"])
    screen.emit(
        event(
            "job_error",
            "",
            logging.ERROR,
            jobid=1,
            rule_name="audit",
            rule_msg=None,
            log=["nowhere.log"],
            aux={"external_jobid": "17"},
        )
    )
    assert lines(screen)[1:] == [
        "  as job 17 of the scheduler",
        "It left no log (nowhere.log).",
    ]


def test_an_event_that_is_not_understood_stops_nothing(screen, capsys):
    screen.emit(event("job_info"))
    start(screen, 1)
    end(screen, 1)
    assert "Doing audit of a" in lines(screen)[-1]
    assert "AttributeError" in capsys.readouterr().err


def test_long_jobs_say_how_far_they_are_and_what_is_left(screen, clock, tmp_path):
    log = tmp_path / "reconstruct.log"
    log.write_text("20 of 200 datasets\n40 of 200 datasets\n")
    start(screen, 1, rule="reconstruct", log=[log])
    start(screen, 2, rule="audit", study="b")
    screen.look()
    assert lines(screen) == []
    clock.now += progress.BETWEEN
    screen.course.expected["audit b"] = 300.0
    screen.look()
    assert lines(screen) == [
        "0 of 0  Doing reconstruct of a (40 of 200, 60 s, about 4 min left)",
        "Doing audit of b (60 s, about 4 min left)",
    ]
    screen.look()
    assert len(lines(screen)) == 2, "not again before the time is up"


def test_on_a_terminal_they_stand_in_one_line_that_is_renewed(screen, clock):
    screen.stream, screen.live = Terminal(), True
    start(screen, 1)
    clock.now += 20
    screen.look()
    screen.look()
    assert screen.stream.getvalue().count("\n") == 0
    assert screen.stream.getvalue().count("\r") == 2
    end(screen, 1)
    *_, last = screen.stream.getvalue().split("\r")
    assert last[10:] == "1 of 0  Doing audit of a  20 s\n"


def test_the_time_left_follows_from_what_jobs_took_before():
    course = Course(began=0, expected={"x a": 40.0, "y a": 10.0, "z a": 30.0})
    course.planned = ["x a", "y a", "z a"]
    assert course.left(0, at_once=1) == 80
    assert course.left(0, at_once=2) == 40
    assert course.left(0, at_once=9) == 40, "not sooner than the longest"
    course.running[1] = Running("x a", "a", "x", (), since=0)
    assert course.left(30, at_once=1) == 50
    course.ended = [(course.running.pop(1), 40.0)]
    assert course.left(40, at_once=1) == 40
    course.planned.append("new")
    assert course.left(40, at_once=1) is None


def test_times_are_kept_and_a_broken_file_is_no_obstacle(tmp_path):
    path = tmp_path / "times.json"
    course = Course(began=0, expected={"x a": 40.0})
    course.ended = [(Running("y a", "a", "y", (), 0), 1.26)]
    progress.keep_times(course, path)
    assert read_times(path) == {"x a": 40.0, "y a": 1.3}
    for text in ("", "[]", '{"x": "y"}'):
        path.write_text(text)
        assert read_times(path) == {}


def test_the_last_screen_says_what_ran_what_did_not_and_what_was_found(screen, clock, tmp_path):
    model = tmp_path / "results" / "a" / "model.json"
    model.parent.mkdir(parents=True)
    model.write_text(json.dumps({"summary": [callout("Two figures cannot both be true.")]}))
    start(screen, 1)
    start(screen, 2, rule="synthesis", study="")
    clock.now += 100
    end(screen, 1)
    end(screen, 2)
    said = screen.closing(["a", "b"]).splitlines()
    assert said[1:] == [
        "Done in 2 min. 2 jobs ran.",
        "  Made anew: a (1), all studies (1)",
        "  Nothing to do: b",
        "",
        "The most important finding of each study",
        "  a: Two figures cannot both be true.",
        "  b: see its report",
    ]


def callout(title):
    return {"type": "callout", "kind": "finding", "title": title}


def run(text, **more):
    return {"text": text, "ref": "", **more}


@pytest.mark.parametrize(
    ("summary", "words"),
    [
        (
            [
                {"type": "callout", "kind": "origin", "title": "No patient was seen."},
                callout("First."),
                callout("Second."),
            ],
            "First.",
        ),
        (
            [{"type": "bullets", "items": [[run("A "), run("minor one.")], [run("B")]]}],
            "A minor one.",
        ),
        (
            [{"type": "paragraph", "runs": [run("see "), run("", ref="t", number="Table 1")]}],
            "see Table 1",
        ),
        ([], "see its report"),
    ],
)
def test_the_gravest_finding_comes_first(tmp_path, summary, words):
    (tmp_path / "model.json").write_text(json.dumps({"summary": summary}))
    assert finding(tmp_path / "model.json") == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.96, "10.0 s"),
        (89, "89 s"),
        (90, "2 min"),
        (5340, "89 min"),
        (5400, "1 h 30 min"),
    ],
)
def test_lengths_of_time(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("8 of 200 datasets\n16 of 200 datasets\n", (16, 200)),
        ("nothing yet\n", None),
        ("9 of 3 wrong\n", None),
        ("0 of 0\n", None),
    ],
)
def test_how_far_a_job_is_stands_in_its_log(tmp_path, text, found):
    (tmp_path / "a.log").write_text(text)
    assert reported([tmp_path / "a.log"]) == found
