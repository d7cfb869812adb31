# SPDX-License-Identifier: GPL-2.0-only
"""How long the kernel runs with interrupts off, measured from outside: QEMU counts the instructions of each path (tests/plugin/interrupts_off.c)."""
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from conftest import OUT, TOP

LIMIT = 20000  # instructions
SOURCE = TOP / "tests/plugin/interrupts_off.c"
PLUGIN = OUT / "tests/plugin/interrupts_off.so"
# Where a path enters and what every path has to go through: not worth a word in a report.
COMMON = {"entry_syscall", "entry_sysenter", "kernel_hypercall", "any_hypercall", "resume", "return_fast", "return_full", "leave_slowly", "kernel_leave"}


@dataclass
class Path_:
    """One path: what it went through, in order of first use, and how many instructions each function took of it."""
    instructions: int
    cpu: int
    most: str
    functions: list  # [(name, instructions)]

    def __str__(self):
        way = [name for name, _ in self.functions if name not in COMMON]
        big = sorted(self.functions, key=lambda part: -part[1])[:5]
        return (f"{self.instructions} instructions on CPU {self.cpu}, mostly " + ", ".join(f"{name} {count}" for name, count in big) +
                "\n    way: " + " ".join(way[:24]) + (" ..." if len(way) > 24 else ""))


@dataclass
class Report:
    paths: int
    overflows: int
    below: list   # [(bound, number of paths)]
    longest: list  # of Path_, the longest first

    def table(self, count=10):
        return "\n".join([f"{self.paths} paths; " + ", ".join(f"{n} below {bound}" for bound, n in self.below), *map(str, self.longest[:count])])


def symbols(kernel, place):
    """Functions of the kernel's text, sorted, then its end."""
    lines = subprocess.run(["nm", "-n", str(kernel)], check=True, capture_output=True, text=True).stdout.splitlines()
    marks = {name: int(address, 16) for address, _, name in (line.split() for line in lines if len(line.split()) == 3)}
    found = []
    for line in lines:
        address, kind, name = line.split()
        if kind in "tT" and marks["_text_begin"] <= int(address, 16) < marks["_text_end"] and "." != name[0]:
            found.append((int(address, 16), name[:63]))
    place.write_text("".join(f"{address:x} {name}\n" for address, name in [*found, (marks["_text_end"], "end")]))
    return place


def plugin():
    """Compiles the plugin if it is older than its source."""
    if not PLUGIN.exists() or PLUGIN.stat().st_mtime < SOURCE.stat().st_mtime:
        PLUGIN.parent.mkdir(parents=True, exist_ok=True)
        fresh = PLUGIN.with_suffix(".new")
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread", "-o", str(fresh), str(SOURCE)], check=True)
        fresh.rename(PLUGIN)
    return PLUGIN


def traced(boot, debug_kernel, folder):
    """The same boot with the plugin, and the file that its report goes to when the machine has ended."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / "interrupts_off.txt"
    out.unlink(missing_ok=True)
    names = symbols(debug_kernel, folder / "symbols.txt")
    return replace(boot, extra=(*boot.extra, "-plugin", f"{plugin()},symbols={names},out={out}")), out


def read(out):
    report = Report(0, 0, [], [])
    for words in map(str.split, Path(out).read_text().splitlines()):
        if words[0] == "paths":
            report.paths = int(words[1])
        elif words[0] == "overflows":
            report.overflows = int(words[1])
        elif words[0] == "below":
            report.below.append((int(words[1]), int(words[2])))
        else:
            parts = [(name, int(count)) for name, count in (part.rsplit("=", 1) for part in words[5:])]
            report.longest.append(Path_(int(words[1]), int(words[3]), words[4], parts))
    report.longest.sort(key=lambda path: -path.instructions)
    return report
