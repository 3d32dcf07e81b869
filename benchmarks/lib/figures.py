"""Medians with their spread, tables, and the JSON beside them."""

import json
import os
import pathlib
import statistics


def quantile(values, share):
    """The value that a share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def spread(values, form=".2f"):
    """The median of the rounds, and between which two they lie."""
    if not values:
        return "–"
    return (f"{statistics.median(values):{form}} "
            f"({min(values):{form}}–{max(values):{form}})")


def table(head, rows):
    """Prints rows under their heads, the first column to the left and the others to the right."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    for row in [head, *rows]:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  ".join(cells).rstrip())
    print()


def machine():
    """What the figures were taken on, and how busy others kept it."""
    model = next((line.partition(":")[2].strip()
                  for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "unknown")
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {"processors": os.cpu_count(), "model": model, "memory_gigabytes": pages >> 30,
            "kernel": os.uname().release, "load": os.getloadavg()[0]}


def write(path, figures):
    pathlib.Path(path).write_text(json.dumps({"machine": machine(), **figures}, indent=2))
    print(f"All figures: {path}")
