"""What each Python process of a measured run used, and for what.

`measured.py` puts this folder on the path of Python, which runs this file as it starts. When a process
ends, a line about it is added to the file that RESARC_USE names. Time belongs to one thing at a time: to
the innermost of an import, a drawing, the setting of a PDF; else to the process's own work.
"""

from __future__ import annotations

import atexit
import builtins
import importlib
import importlib.machinery
import json
import os
import resource
import sys
import threading
import time

STARTED = time.process_time(), time.time()
FILE = "RESARC_USE"
OWN, IMPORTS, FIGURES, TYPST = "own work", "imports", "figures", "Typst"
DRAWINGS = "resarc.report.figures."


class Clock:
    """Processor seconds by what they went to. What threads beside the first one do counts as that which
    the first one is at."""

    def __init__(self, processor=time.process_time):
        self.processor = processor
        self.spent = {}
        self.stack = [OWN]
        self.at = processor()
        self.thread = threading.get_ident()

    def settle(self):
        now = self.processor()
        self.spent[self.stack[-1]] = self.spent.get(self.stack[-1], 0.0) + now - self.at
        self.at = now

    def counted(self, what, function):
        """The function, whose time belongs to `what` from now on. Within itself it is not counted anew."""

        def call(*arguments, **options):
            if self.stack[-1] == what or threading.get_ident() != self.thread:
                return function(*arguments, **options)
            self.settle()
            self.stack.append(what)
            try:
                return function(*arguments, **options)
            finally:
                self.settle()
                self.stack.pop()

        call.__wrapped__ = function
        return call


class Watch:
    """Finds modules as Python does, and has what draws or sets a page counted before anybody takes it."""

    def __init__(self, clock):
        self.clock = clock

    def find_spec(self, name, path=None, target=None):
        if name != "typst" and not name.startswith(DRAWINGS):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def then_count(module):
            execute(module)
            for key, value in list(vars(module).items()):
                if name == "typst" and key == "compile":
                    setattr(module, key, self.clock.counted(TYPST, value))
                elif getattr(value, "__annotations__", {}).get("return") == "Drawing":
                    setattr(module, key, self.clock.counted(FIGURES, value))

        spec.loader.exec_module = then_count
        return spec


def stage(arguments):
    """The name of the command line, or of the module that Python was told to run."""
    folder, _, name = arguments[0].rpartition("/")
    return folder.rpartition("/")[2] if name == "__main__.py" else name.removesuffix(".py")


def note(path, clock):
    clock.settle()
    own = resource.getrusage(resource.RUSAGE_SELF)
    use = {
        "stage": stage(getattr(sys, "argv", None) or [""]),
        "began": STARTED[1] - STARTED[0],
        "ended": time.time(),
        "memory": own.ru_maxrss * 1024,
        "start": STARTED[0],
        "spent": clock.spent,
    }
    line = (json.dumps(use) + "\n").encode()
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(handle, line)
    finally:
        os.close(handle)


if FILE in os.environ:
    CLOCK = Clock()
    builtins.__import__ = CLOCK.counted(IMPORTS, builtins.__import__)
    importlib.import_module = CLOCK.counted(IMPORTS, importlib.import_module)
    sys.meta_path.insert(0, Watch(CLOCK))
    PROCESS = os.getpid()
    # A copy of a process that is made by forking runs this as well: it is no process of its own here.
    atexit.register(lambda: note(os.environ[FILE], CLOCK) if os.getpid() == PROCESS else None)
