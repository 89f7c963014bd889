"""Two cold runs give the same bytes: under another locale, time zone, hash seed, number of cores, user
and folder, all at once, and without a network."""

import json
import os
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.end_to_end

# A user of its own and no network but the machine's own address, over which notebooks talk to their
# kernel: as an ordinary user may have them (user namespaces).
ANOTHER_USER = (
    "unshare", "--user", "--map-root-user", "--net", "sh", "-c",
    'ip link set lo up && exec unshare --user --map-user=1000 --map-group=1000 "$@"', "sh",
)  # fmt: skip
PROBE = """
import json, locale, os, socket, time
locale.setlocale(locale.LC_ALL, "")
print(json.dumps({
    "user": os.getuid(), "home": os.environ["HOME"], "name": os.environ.get("USER"),
    "zone": time.tzname, "hash": hash("resarc"), "locale": locale.setlocale(locale.LC_ALL),
    "folder": os.getcwd(), "cores": len(os.sched_getaffinity(0)), "network": socket.if_nameindex(),
}))
"""


def may_be_another_user() -> bool:
    if not shutil.which("unshare"):
        return False
    return subprocess.run([*ANOTHER_USER, "true"], capture_output=True, check=False).returncode == 0


def another_locale(folder) -> dict[str, str]:
    """Turkish, where the capital of i is no I and numbers have a comma, made for the test if the
    machine can; else whatever it has beside C."""
    name = "tr_TR.UTF-8"
    make = ["localedef", "-i", "tr_TR", "-f", "UTF-8", str(folder / name)]
    if shutil.which("localedef") and not subprocess.run(make, capture_output=True).returncode:
        return {"LC_ALL": name, "LOCPATH": str(folder)}
    return {"LC_ALL": "C.UTF-8"}


def test_nothing_of_machine_user_and_place_shows_in_a_result(
    first_run, copy_repository, tmp_path_factory
):
    before = [*(ANOTHER_USER if may_be_another_user() else ()), "taskset", "--cpu-list", "0"]
    if not shutil.which("taskset"):
        before = before[:-3]
    other = copy_repository(tmp_path_factory.mktemp("elsewhere") / "deeper" / "ein Ordner ü")
    other.edit("config/config.yaml", "members: 200", "members: 8")
    home = other.root.parent / "home"
    home.mkdir()
    environment = {
        "HOME": str(home), "USER": "someone", "LOGNAME": "someone", "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "20260101",
    } | another_locale(home)  # fmt: skip

    here = json.loads(first_run.python("-c", PROBE, PYTHONHASHSEED="0").stdout)
    there = json.loads(other.python("-c", PROBE, before=before, **environment).stdout)
    same = {name for name in here if here[name] == there[name]}
    if not may_be_another_user():
        same -= {"user", "network"}
    if os.cpu_count() == 1:
        same -= {"cores"}
    assert same == set(), "the two runs do not differ in these"

    done = other.snakemake("--cores", "1", before=before, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = first_run.results(), other.results()
    assert set(first) == set(second)
    assert [name for name in first if first[name] != second[name]] == []
    assert len(first) > 200
