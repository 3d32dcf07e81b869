"""What the operating system says that processes cost: CPU time and memory."""

import os
import pathlib

TICKS = os.sysconf("SC_CLK_TCK")


def family(pid):
    """A process and its descendants."""
    found = [pid]
    for parent in found:
        try:
            children = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
            found += map(int, children)
        except FileNotFoundError:
            pass
    return found


def cpu_seconds(pids):
    """CPU time of processes and of all their descendants, those that have ended included."""
    total = 0
    for pid in [member for pid in pids for member in family(pid)]:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))
        except FileNotFoundError:
            pass
    return total / TICKS


def memory_kilobytes(pids):
    """Resident memory, and of it what is the processes' own: (resident, own)."""
    resident = own = 0
    for pid in [member for pid in pids for member in family(pid)]:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "Rss":
                resident += int(value.split()[0])
            elif name in ("Private_Clean", "Private_Dirty"):
                own += int(value.split()[0])
    return resident, own


def postmaster():
    """The private PostgreSQL's first process."""
    cluster = pathlib.Path(os.environ["FAREBOX_TEST_CLUSTER"])
    return int((cluster / "data/postmaster.pid").read_text().split()[0])
