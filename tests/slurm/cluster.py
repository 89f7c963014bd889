"""A real Slurm on this machine alone: one controller and one node on the loopback interface.

Everything it needs lies in one new folder: its own keys, ports, state and logs. It runs as the user who
starts it, beside whatever other Slurm there may be. What carries the folder's name in its environment
(the daemons, the jobs, whatever a test starts to use the cluster) belongs to it and ends with it: by
`stop`, or by a guard, a process of its own that waits for the end of the one that started it, however
that ends.

    python cluster.py FOLDER    is the guard: it ends what belongs to the folder when its input ends
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
LEAST_MEMORY = 3000
"""MB without which the pipeline's jobs never start."""
_PATIENCE = 240
"""Seconds for what takes one where nothing else runs. No test measures time: it waits until something is
so, and this long before it gives up."""
_SBIN = "/usr/sbin:/usr/local/sbin:/sbin"
"""Where Debian keeps the daemons; not on every user's PATH."""


class CannotStartError(Exception):
    """This machine cannot run a Slurm; it says why. It says nothing of the pipeline."""


def lacks() -> str:
    """What this machine lacks to run a Slurm; empty if it can be tried."""
    absent = [name for name in PROGRAMS if not _program(name)]
    if absent:
        return f"not installed: {', '.join(absent)} (Debian: slurm-wlm and munge)"
    if not Path("/proc/self/environ").exists():
        return "no /proc, by which the test would find what it has to end"
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return f"the user {os.getuid()} has no name, without which Slurm takes no jobs"
    if _memory_mb() < LEAST_MEMORY:
        return f"{_memory_mb()} MB of memory; the jobs ask for up to {LEAST_MEMORY}"
    return ""


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{_SBIN}")


class Cluster:
    """A cluster in a folder of its own. Its environment makes Slurm's commands speak to it."""

    def __init__(self) -> None:
        # Not in pytest's folder: the path of a socket has at most 107 bytes, and slurm.conf no spaces.
        self.folder = Path(tempfile.mkdtemp(prefix="resarc-slurm-", dir="/tmp"))
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("state", "spool", "munge", "bin"):
            (self.folder / name).mkdir()
        self.environment = {
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            "PATH": f"{self.folder / 'bin'}:{os.environ.get('PATH', os.defpath)}",
        }
        # Within a job Snakemake's plugin takes every variable of Slurm away, so that srun would look
        # for the cluster of the machine.
        srun = self.folder / "bin" / "srun"
        srun.write_text(
            f'#!/bin/sh\nSLURM_CONF="{self.folder}/slurm.conf" exec {_program("srun")} "$@"\n',
            encoding="utf-8",
        )
        srun.chmod(0o755)
        (self.folder / "munge").chmod(0o700)
        key = self.folder / "munge" / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        self._socket = self.folder / "munge" / "socket"
        self._guard = subprocess.Popen(
            [sys.executable, __file__, str(self.folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def start(self, patience: float = _PATIENCE) -> None:
        """Start the daemons and wait until the node takes jobs; `CannotStartError` with their logs if
        it does not."""
        (self.folder / "slurm.conf").write_text(self._configuration(), encoding="utf-8")
        self._start_daemon(
            "munged",
            "--foreground",
            "--force",
            f"--key-file={self.folder}/munge/munge.key",
            f"--socket={self._socket}",
            f"--pid-file={self.folder}/munge/pid",
            f"--log-file={self.folder}/munge/log",
            f"--seed-file={self.folder}/munge/seed",
        )
        self._until(self._socket.exists, "munged does not answer", patience)
        self.start_controller()
        self._start_daemon("slurmd", "-D", "-N", "resarc", "-L", str(self.folder / "slurmd.log"))
        self._until(self._is_idle, "the node does not become idle", patience)
        said = self.folder / "said"
        try:
            self.call("srun", "--mem=10", f"--output={said}", "echo", "ready")
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            raise CannotStartError(f"no job can be run: {error}\n{self.logs()}") from None
        if said.read_text(encoding="utf-8").strip() != "ready":
            raise CannotStartError(f"the output of a job does not arrive\n{self.logs()}")

    def start_controller(self) -> None:
        self._start_daemon("slurmctld", "-D", "-L", str(self.folder / "slurmctld.log"))

    def stop_controller(self) -> None:
        process = self._running.pop("slurmctld")
        process.terminate()
        process.wait(_PATIENCE)

    def stop(self) -> None:
        """End every job and every daemon, and remove the folder."""
        if self._guard.stdin:
            self._guard.stdin.close()
        self._guard.wait(_PATIENCE)
        for process in self._running.values():
            process.wait(_PATIENCE)
        self._running.clear()

    def ended(self) -> list[str]:
        """Daemons that ended though nobody stopped them."""
        return [name for name, each in self._running.items() if each.poll() is not None]

    def call(self, *command: str, check: bool = True) -> str:
        """What one of Slurm's commands says."""
        done = subprocess.run(
            command,
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def jobs(self, *states: str) -> list[str]:
        """Ids of the jobs that are in one of these states."""
        said = self.call("squeue", "--noheader", "--format=%i", "--states", ",".join(states))
        return said.split()

    def logs(self) -> str:
        """The ends of the daemons' logs."""
        found = []
        for path in sorted(self.folder.glob("*.log")):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            found += [f"--- {path.name}", *lines[-20:]]
        return "\n".join(found)

    def _configuration(self) -> str:
        host = socket.gethostname().split(".")[0]
        user = pwd.getpwuid(os.getuid()).pw_name
        controller, node = _free_ports(2)
        folder = self.folder
        return f"""ClusterName=resarc
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={self._socket}
CredType=cred/munge
SlurmctldPort={controller}
SlurmdPort={node}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MinJobAge=3600
KillWait=5
ReturnToService=2
SlurmctldTimeout=600
SlurmdTimeout=600
MessageTimeout=30
TCPTimeout=60
BatchStartTimeout=300
UnkillableStepTimeout=300
SchedulerParameters=sched_interval=1,sched_min_interval=10000,batch_sched_delay=0
NodeName=resarc NodeHostname={host} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} RealMemory={_memory_mb()} State=UNKNOWN
PartitionName=main Nodes=resarc Default=YES MaxTime=INFINITE State=UP
"""

    def _is_idle(self) -> bool:
        try:
            return "idle" in self.call("sinfo", "--noheader", "--format=%t", check=False)
        except subprocess.TimeoutExpired:
            return False

    def _start_daemon(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.said.log").open("ab") as said:
            self._running[name] = subprocess.Popen(
                [str(_program(name)), *arguments],
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def _until(self, holds, fault: str, patience: float) -> None:
        end = time.monotonic() + patience
        while not holds():
            if ended := self.ended():
                raise CannotStartError(f"{', '.join(ended)} ended\n{self.logs()}")
            if time.monotonic() > end:
                raise CannotStartError(f"{fault} within {patience:.0f} s\n{self.logs()}")
            time.sleep(0.2)


def belonging(folder: Path) -> list[int]:
    """Processes in whose environment the folder is named."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{folder}/".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


def end_all(folder: Path, patience: float = 5) -> None:
    """End what belongs to a cluster, kindly at first, and remove its folder."""
    kind_until = time.monotonic() + patience
    asked: set[int] = set()
    while processes := belonging(folder):
        kind = time.monotonic() < kind_until
        for process in processes:
            if not kind or process not in asked:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGTERM if kind else signal.SIGKILL)
                asked.add(process)
        time.sleep(0.2)
    shutil.rmtree(folder, ignore_errors=True)


def _memory_mb() -> int:
    """What the node may give to jobs: a node that has less than it claims takes none."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 * 9 // 10


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as held:
        listeners = [held.enter_context(socket.socket()) for _ in range(number)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]


if __name__ == "__main__":
    sys.stdin.read()
    end_all(Path(sys.argv[1]))
