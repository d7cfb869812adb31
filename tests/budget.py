# SPDX-License-Identifier: GPL-2.0-only
"""Measured kernel paths and their budgets: tests/budgets/ARCH.txt, a line `name value` for each `BENCH name value` of user/bench.

A path that has grown by more than LIMIT per cent, that is not in the list or that was not measured is a finding. `make bench` prints all of them,
`make bench-update` writes what was measured into the lists, to be committed with the reason.
"""
import re
from pathlib import Path

from emulator import Boot

FOLDER = Path(__file__).resolve().parent / "budgets"
LIMIT = 2  # per cent
DONE = r"# bench: done, (\d+) failed"


def boot(made):
    """One tick is one instruction; two CPUs, so that calls between them are measured; the kernel holds 100,000 semaphores in 64 MiB."""
    return Boot(kernel=made.elf32, modules=[(made.user("bench"), "bench")], machine="pc", via="kernel", cpus=2, memory=1024,
                command_line="serial kmem=64M", icount=True)


def parse(text):
    """What a run printed: {name: value}."""
    return {name: int(value) for name, value in re.findall(r"(?m)^BENCH (\w+) (\d+)\s*$", text)}


def path(arch):
    return FOLDER / f"{arch}.txt"


def read(arch):
    lines = path(arch).read_text().split("\n")
    return {name: int(value) for name, value in (line.split() for line in lines if line.strip() and not line.startswith("#"))}


def write(arch, measured):
    head = "# Instructions of each path as user/bench measures them (doc/measuring.md). Written by `make bench-update`.\n"
    path(arch).write_text(head + "".join(f"{name} {value}\n" for name, value in measured.items()))


def compare(arch, budgets, measured):
    """(findings, improvements): lines for people."""
    findings, better = [], []
    for name in {**budgets, **measured}:
        old, new = budgets.get(name), measured.get(name)
        if old is None:
            findings.append(f"{arch} {name}: measured {new}, but has no budget")
        elif new is None:
            findings.append(f"{arch} {name}: has the budget {old}, but was not measured")
        elif new * 100 > old * (100 + LIMIT):
            findings.append(f"{arch} {name}: {old} -> {new}, {100 * (new - old) / max(old, 1):+.1f} % (at most +{LIMIT} %)")
        elif new * (100 + LIMIT) < old * 100:
            better.append(f"{arch} {name}: {old} -> {new}, {100 * (new - old) / max(old, 1):+.1f} %")
    return findings, better


ADVICE = "If the growth is meant: `make bench-update`, look at the difference of tests/budgets, and commit it with the reason."
