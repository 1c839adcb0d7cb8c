"""What /proc says of processes: CPU, memory, descendants."""

import ctypes
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICK = 1 / os.sysconf("SC_CLK_TCK")  # seconds
STAGES = {
    "pipeline producer": "producer",
    "pipeline worker": "workers",
    "pipeline exporter": "exporter",
}  # title -> kind
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
GONE = (FileNotFoundError, ProcessLookupError, PermissionError)  # ended, or another user's


@dataclass(frozen=True)
class Usage:
    """CPU seconds of a process and of its children that have ended."""

    own: float
    ended_children: float


def usage(pid: int) -> Usage | None:
    """None if the process has ended."""
    with suppress(*GONE):
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        user, system, children_user, children_system, *_ = (int(field) * TICK for field in fields[11:15])
        return Usage(user + system, children_user + children_system)
    return None


def descendants(pid: int) -> list[int]:
    """The process and all its children, grandchildren and so on."""
    found = [pid]
    for each in found:
        with suppress(*GONE):
            for thread in (PROC / str(each) / "task").iterdir():
                found += map(int, (thread / "children").read_text().split())
    return found


def tree_cpu(root: int) -> float:
    """CPU seconds of a server's processes since it started, those that have ended included."""
    while True:
        children = descendants(root)
        cpu = [each for each in map(usage, children) if each]
        if descendants(root) == children:  # otherwise one that ended meanwhile counts twice, or not at all
            return sum(each.own + each.ended_children for each in cpu)


def proportional_memory(pid: int) -> int:
    """Bytes (PSS): memory that several processes share, such as PostgreSQL's buffers, counts in parts for each."""
    with suppress(*GONE):
        found = re.search(r"^Pss: +(\d+) kB$", (PROC / str(pid) / "smaps_rollup").read_text(), re.MULTILINE)
        return int(found[1]) * 1024 if found else 0
    return 0


def kind(pid: int) -> str:
    """Which of the pipeline's stages a process is; of all others, `client`."""
    with suppress(*GONE):
        title = (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").strip("\0 ")
        return STAGES.get(title, "client")
    return "client"


def adopt_orphans() -> None:
    """From now on, descendants whose parent has ended are children of this process, which can wait for them."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "cannot adopt orphans")


def name(pid: int) -> str:
    with suppress(*GONE):
        return (PROC / str(pid) / "comm").read_text().strip()
    return ""


def parent(pid: int) -> int:
    return int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])


def machine_cpu() -> float:
    """CPU seconds that the whole machine has spent since it started, also on other guests of its host."""
    user, nice, system, _idle, _iowait, irq, softirq, steal, *_ = (
        int(field) * TICK for field in (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return user + nice + system + irq + softirq + steal
