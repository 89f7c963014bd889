"""What a run says: what is being done and how much is left, and at its end one screen.

Snakemake tells of every job in its own words, for its own developers; all of that stays in its log
file below `.snakemake/log`. The screen gets one line for each job that ended and, while jobs take
long, one now and then for those that run: how far they are, if they say so in their own logs ("40 of
200 datasets"), and how much time is left. On a terminal the latter stands in one line that is
renewed; elsewhere (a file, a scheduler's log) it is a line every minute.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import shutil
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

TIMES = Path(".snakemake", "resarc.times.json")
"""How many seconds each job took the last time it ran."""
OVERALL = "all studies"
"""Whom a job is for that is for no single study."""
LONG = 10.0
"""Seconds after which a job that runs is spoken of."""
BETWEEN = 60.0
"""Seconds between two lines about running jobs where no terminal shows them."""
_REPORTED = re.compile(r"\b(\d+) of (\d+)\b", re.ASCII)
_TAIL = 4096
"""Bytes at the end of a log in which a job's latest words are looked for."""
_TOLD_OTHERWISE = (
    "CalledProcessError in file",
    "Exiting because a job execution failed",
    "At least one job did not complete successfully",
)
"""Errors of Snakemake's that only repeat that a job failed, which was said with the job's own log."""
_OF_SCHEDULER = re.compile(r"^(slurm\w*|srun|sbatch)\b.*: ")
_WIDEST = 400
"""Characters of a line of a log that are shown."""
_LOG_LINES = 30
"""Lines of a failed job's log that are shown."""


@dataclass(frozen=True)
class Running:
    """A job that was started."""

    key: str
    """Tells the job from all others, also in the next run (`key`)."""
    study: str
    what: str
    logs: tuple[str, ...]
    since: float


@dataclass
class Course:
    """How far a run is. Times are seconds of a clock that only runs forward."""

    began: float
    expected: dict[str, float]
    """Seconds that jobs took before, by their keys."""
    total: int = 0
    running: dict[int, Running] = field(default_factory=dict)
    ended: list[tuple[Running, float]] = field(default_factory=list)
    failed: dict[int, Running] = field(default_factory=dict)
    planned: list[str] = field(default_factory=list)
    """Keys of all jobs that are to run."""

    def left(self, now: float, at_once: int) -> float | None:
        """Seconds that the rest will take, by what its jobs took before; None if one never ran.

        The rest cannot be done sooner than its work spread over as many jobs `at_once`, nor sooner than its longest
        job that runs now.
        """
        done = {job.key for job, _ in self.ended}
        work, longest = 0.0, 0.0
        of_now = {job.key: now - job.since for job in self.running.values()}
        for key in self.planned:
            if key in done:
                continue
            if key not in self.expected:
                return None
            rest = max(self.expected[key] - of_now.get(key, 0.0), 0.0)
            work += rest
            longest = max(longest, rest)
        return max(work / max(at_once, 1), longest)


def key(rule: str, wildcards: Mapping[str, Any]) -> str:
    """By which a job is known from one run to the next."""
    return " ".join([rule, *(str(wildcards[name]) for name in sorted(wildcards))])


def reported(logs: Iterable[str]) -> tuple[int, int] | None:
    """How far a job says it is: the last "40 of 200" in its log."""
    for name in logs:
        try:
            with Path(name).open("rb") as handle:
                handle.seek(max(handle.seek(0, os.SEEK_END) - _TAIL, 0))
                text = handle.read().decode("utf-8", "replace")
        except OSError:
            continue
        found = _REPORTED.findall(text)
        if found and 0 < int(found[-1][1]) >= int(found[-1][0]):
            return int(found[-1][0]), int(found[-1][1])
    return None


def duration(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def of_running(job: Running, now: float, expected: dict[str, float]) -> str:
    """A running job, how far it is, and what it will still take."""
    taken = now - job.since
    words = [duration(taken)]
    steps = reported(job.logs)
    rest = None
    if steps:
        words.insert(0, f"{steps[0]:,} of {steps[1]:,}")
        if 0 < steps[0] < steps[1]:
            rest = taken * (steps[1] - steps[0]) / steps[0]
    elif job.key in expected:
        rest = expected[job.key] - taken
    if rest is not None and rest > 1:
        words.append(f"about {duration(rest)} left")
    return f"{job.what} ({', '.join(words)})"


class Screen(logging.Handler):
    """Snakemake's events as lines for people."""

    def __init__(
        self,
        stream: TextIO,
        *,
        jobs_at_once: int,
        expected: dict[str, float],
        nothing: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.stream = stream
        self.jobs_at_once = jobs_at_once
        self.nothing = nothing
        """What is said if there is nothing to do."""
        self.clock = clock
        self.course = Course(clock(), expected)
        self.live = bool(getattr(stream, "isatty", bool)()) and os.environ.get("TERM") != "dumb"
        self._shown = 0
        self._spoke = clock()
        self._watching = False

    def plan(self, jobs: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Which jobs are to run, by rule and wildcards; from then on the time left can be told."""
        self.course.planned = [key(rule, named) for rule, named in jobs if rule != "all"]

    def closing(self, studies: Iterable[str]) -> str:
        """The last screen of a run that went well; what its jobs took is remembered."""
        self.close()
        keep_times(self.course)
        return closing(self.course, self.clock(), studies)

    def stopped(self) -> str:
        """The last screen of a run that did not."""
        self.close()
        keep_times(self.course)
        return stopped(self.course, self.clock())

    def emit(self, record: logging.LogRecord) -> None:
        """Whatever goes wrong in here must not stop the run."""
        try:
            self._take(str(getattr(record, "event", None) or ""), record)
        except Exception:  # noqa: BLE001
            self.handleError(record)

    def _take(self, event: str, record: logging.LogRecord) -> None:
        course, now = self.course, self.clock()
        if event == "run_info":
            counts = {k: v for k, v in record.stats.items() if k not in ("all", "total")}
            course.total = sum(counts.values())
            self._say(f"{course.total} jobs, up to {self.jobs_at_once} at a time")
        elif event == "job_info":
            study = record.wildcards.get("study", OVERALL)
            if record.rule_name != "all":
                course.running[record.jobid] = Running(
                    key(record.rule_name, record.wildcards),
                    study,
                    record.rule_msg or record.rule_name,
                    tuple(map(str, record.log)),
                    now,
                )
                self._watch()
        elif event == "job_finished":
            job = course.running.pop(record.job_id, None)
            if job:
                course.ended.append((job, now - job.since))
                self._say(
                    f"{self._count()}  {job.what}  {duration(now - job.since)}{self._left(now)}"
                )
        elif event in ("job_error", "group_error"):
            self._failed(event, record, now)
        elif record.levelno >= logging.WARNING:
            text = record.getMessage()
            if text and not any(known in text for known in _TOLD_OTHERWISE):
                self._say(text)
        elif "Nothing to be done" in str(record.msg):
            self._say(self.nothing)

    def _failed(self, event: str, record: logging.LogRecord, now: float) -> None:
        if event == "group_error":
            return  # each of its jobs is told of by itself
        job = self.course.running.pop(record.jobid, None)
        if job is None:
            job = self.course.failed.get(record.jobid) or Running(
                record.rule_name, OVERALL, record.rule_msg or record.rule_name, (), now
            )
        self.course.failed[record.jobid] = job
        logs = [str(name) for name in record.log] or list(job.logs)
        self._say(f"FAILED after {duration(now - job.since)}: {job.what}")
        extra = {k: v for k, v in (getattr(record, "aux", None) or {}).items() if v}
        if "external_jobid" in extra:
            self._say(f"  as job {extra['external_jobid']} of the scheduler")
        if record.msg and "Error in rule" not in str(record.msg):
            self._say(f"  {record.msg}")
        for name in logs:
            self._say(_of_log(Path(name)))

    def _count(self) -> str:
        width = len(str(self.course.total))
        return f"{len(self.course.ended):>{width}} of {self.course.total}"

    def _left(self, now: float) -> str:
        left = self.course.left(now, self.jobs_at_once)
        if left is None or left < LONG or len(self.course.ended) == self.course.total:
            return ""
        return f"  (about {duration(left)} left)"

    def _say(self, text: str) -> None:
        with self.lock:
            self._wipe()
            stamp = time.strftime("%H:%M:%S")
            first, *rest = text.splitlines() or [""]
            self.stream.write("\n".join([f"{stamp}  {first}", *(f"          {x}" for x in rest)]))
            self.stream.write("\n")
            self.stream.flush()
            self._spoke = self.clock()

    def _wipe(self) -> None:
        if self._shown:
            self.stream.write("\r" + " " * self._shown + "\r")
            self._shown = 0

    def _watch(self) -> None:
        if not self._watching:
            self._watching = True
            threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while self._watching:
            time.sleep(1.0)
            try:
                self.look()
            except Exception:  # noqa: BLE001 (the next second may be better)
                continue

    def look(self) -> None:
        """Say how far the running jobs are, if it is time to."""
        now = self.clock()
        with self.lock:
            long = [job for job in self.course.running.values() if now - job.since >= LONG]
            if not long or not (self.live or now - self._spoke >= BETWEEN):
                return
            texts = [of_running(job, now, self.course.expected) for job in long]
            if not self.live:
                self._say(f"{self._count()}  " + "\n".join(texts))
                return
            self._wipe()
            line = f"{self._count()}  {'; '.join(texts)}"
            line = line[: shutil.get_terminal_size().columns - 1]
            self.stream.write(line)
            self.stream.flush()
            self._shown = len(line)

    def close(self) -> None:
        self._watching = False
        with self.lock:
            self._wipe()
        super().close()


def _of_log(path: Path) -> str:
    """The end of a failed job's log, as what it is; of the log that a scheduler keeps, which repeats
    Snakemake's words, the errors."""
    try:
        lines = path.read_text(encoding="utf-8", errors="backslashreplace").splitlines()
    except OSError:
        return f"It left no log ({path})."
    lines = [line for line in lines if line.strip()]
    if path.is_absolute():
        lines = [line for line in lines if _OF_SCHEDULER.search(line)] or lines
    if not lines:
        return f"Its log is empty ({path})."
    more = f", its last {_LOG_LINES} lines" if len(lines) > _LOG_LINES else ""
    shown = [x if len(x) <= _WIDEST else f"{x[:_WIDEST]}…" for x in lines[-_LOG_LINES:]]
    return "\n".join([f"Its log, {path}{more}:", *(f"| {x}" for x in shown)])


def take_over(
    logger: logging.Logger, *, jobs_at_once: int, nothing: str, stream: TextIO | None = None
) -> Screen | None:
    """Put a `Screen` in the place of Snakemake's own; None, and nothing is changed, if there is none
    (another logger was asked for)."""
    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler":
            screen = Screen(
                stream or sys.stderr,
                jobs_at_once=jobs_at_once,
                expected=read_times(),
                nothing=nothing,
            )
            logger.removeHandler(handler)
            logger.addHandler(screen)
            return screen
    return None


def read_times(path: Path = TIMES) -> dict[str, float]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): float(value) for key, value in content.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def keep_times(course: Course, path: Path = TIMES) -> None:
    """Remember what the jobs of this run took, beside those of earlier ones, if that can be written."""
    times = course.expected | {job.key: round(taken, 1) for job, taken in course.ended}
    draft = path.with_suffix(f".{os.getpid()}.part")
    with contextlib.suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        draft.write_text(json.dumps(times, sort_keys=True), encoding="utf-8")
        draft.replace(path)


def closing(course: Course, now: float, studies: Iterable[str]) -> str:
    """The screen at the end of a run that went well."""
    studies = list(studies)
    ran: dict[str, int] = {}
    for job, _ in course.ended:
        ran[job.study] = ran.get(job.study, 0) + 1
    lines = [
        "",
        f"Done in {duration(now - course.began)}. {_counted(len(course.ended), 'job')} ran.",
    ]
    groups = [*studies, OVERALL]
    did = [f"{name} ({ran[name]})" for name in groups if name in ran]
    if did:
        lines.append(f"  Made anew: {', '.join(did)}")
    same = [name for name in groups if name not in ran]
    if same:
        lines.append(f"  Nothing to do: {', '.join(same)}")
    lines += ["", "The most important finding of each study"]
    for study in studies:
        words = f"{study}: {finding(Path('results', study, 'model.json'))}"
        lines += textwrap.wrap(words, 98, initial_indent="  ", subsequent_indent="    ")
    return "\n".join(lines)


def stopped(course: Course, now: float) -> str:
    """The screen at the end of a run that did not."""
    lines = [
        "",
        f"Stopped after {duration(now - course.began)}: "
        f"{len(course.ended)} of {_counted(course.total, 'job')} ended well.",
    ]
    for job in course.failed.values():
        place = f"; its log: {', '.join(job.logs)}" if job.logs else ""
        lines.append(f"  Failed: {job.what}{place}")
    lines.append(
        "What is finished stays. Mend what the log names, then run make again; only the rest is done."
    )
    return "\n".join(lines)


def finding(model: Path) -> str:
    """What a study's report puts first, as the report says it: its gravest finding; where there is
    none, what its summary says last."""
    try:
        blocks = json.loads(model.read_text(encoding="utf-8"))["summary"]
        callouts = [b for b in blocks if b["type"] == "callout" and b["kind"] == "finding"]
        if callouts:
            return callouts[0]["title"]
        bullets = [b for b in blocks if b["type"] == "bullets"]
        if bullets:
            return _plain(bullets[0]["items"][0])
        return _plain([b for b in blocks if b["type"] == "paragraph"][-1]["runs"])
    except (OSError, ValueError, LookupError, TypeError):
        return "see its report"


def _plain(runs: list[dict[str, Any]]) -> str:
    texts = [run["text"] + (run.get("number", "") if run.get("ref") else "") for run in runs]
    return "".join(texts).strip()


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
