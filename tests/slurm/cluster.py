"""A real Slurm on this machine alone: one controller and one node on the loopback interface.

Everything it needs lies in one folder: its own keys, ports, state and logs. It runs as the user who
starts it, beside whatever other Slurm there may be, and ends with `stop`.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
_SBIN = "/usr/sbin:/usr/local/sbin:/sbin"
"""Where Debian keeps the daemons; not on every user's PATH."""


def missing() -> list[str]:
    """Programs of Slurm and munge that this machine lacks."""
    return [name for name in PROGRAMS if not _program(name)]


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{_SBIN}")


class Cluster:
    """A cluster in a folder. Its environment makes Slurm's commands speak to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._host = socket.gethostname().split(".")[0]
        for name in ("state", "spool", "munge", "bin"):
            (folder / name).mkdir(parents=True)
        self.environment = {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": f"{folder / 'bin'}:{os.environ.get('PATH', os.defpath)}",
        }
        # Within a job Snakemake's plugin takes every variable of Slurm away, so that srun would look
        # for the cluster of the machine.
        srun = folder / "bin" / "srun"
        srun.write_text(
            f'#!/bin/sh\nSLURM_CONF="{folder}/slurm.conf" exec {_program("srun")} "$@"\n',
            encoding="utf-8",
        )
        srun.chmod(0o755)
        (folder / "munge").chmod(0o700)
        key = folder / "munge" / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        user = subprocess.check_output(["id", "-un"], text=True).strip()
        controller, node = _free_port(), _free_port()
        self._socket = folder / "munge" / "socket"
        (folder / "slurm.conf").write_text(
            f"""ClusterName=resarc
SlurmctldHost={self._host}(127.0.0.1)
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
SlurmctldTimeout=30
SlurmdTimeout=60
SchedulerParameters=sched_interval=1,sched_min_interval=10000,batch_sched_delay=0
NodeName=resarc NodeHostname={self._host} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} RealMemory={_memory_mb()} State=UNKNOWN
PartitionName=main Nodes=resarc Default=YES MaxTime=INFINITE State=UP
""",
            encoding="utf-8",
        )

    def start(self, patience: float = 60) -> None:
        """Start the daemons and wait until the node takes jobs; RuntimeError with their logs if it
        does not."""
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

    def start_controller(self) -> None:
        self._start_daemon("slurmctld", "-D", "-L", str(self.folder / "slurmctld.log"))

    def stop_controller(self) -> None:
        self._stop_daemon("slurmctld")

    def stop(self) -> None:
        """End every job and every daemon that was started."""
        if "slurmctld" in self._running:
            self.call("scancel", "--user", str(os.getuid()), check=False)
            self.call("scancel", "--signal=KILL", "--full", "--user", str(os.getuid()), check=False)
        for name in ("slurmd", "slurmctld", "munged"):
            self._stop_daemon(name)

    def call(self, *command: str, check: bool = True) -> str:
        """What one of Slurm's commands says."""
        done = subprocess.run(
            command,
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            timeout=60,
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

    def _is_idle(self) -> bool:
        return "idle" in self.call("sinfo", "--noheader", "--format=%t", check=False)

    def _start_daemon(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.said.log").open("ab") as said:
            self._running[name] = subprocess.Popen(
                [_program(name), *arguments],
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )

    def _stop_daemon(self, name: str) -> None:
        process = self._running.pop(name, None)
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)

    def _until(self, holds, fault: str, patience: float) -> None:
        end = time.monotonic() + patience
        while not holds():
            for name, process in self._running.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{name} ended: {process.returncode}\n{self.logs()}")
            if time.monotonic() > end:
                raise RuntimeError(f"{fault} within {patience:.0f} s\n{self.logs()}")
            time.sleep(0.2)


def _memory_mb() -> int:
    """What the node may give to jobs: a node that has less than it claims takes none."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 * 9 // 10


def _end_with_parent() -> None:
    """Called in a daemon before it begins: it ends when the tests do, however those end."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
