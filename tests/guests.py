# SPDX-License-Identifier: GPL-2.0-only
"""Guests of user/vmm: which there are, on which machines they run, and how a run is read."""
import re
from dataclasses import dataclass

from emulator import Boot


@dataclass(frozen=True)
class Guest:
    name: str
    needs: str = ""        # what not every column has: see Column.lacks; "64": a 64-bit host
    arguments: str = ""    # of its module


GUESTS = [Guest("real", "real"), Guest("flat"), Guest("steps", "step"), Guest("task", "task"), Guest("task_paging", "task"), Guest("nested", "double"),
          Guest("nested_long", "double 64"), Guest("two_level"), Guest("pae"), Guest("long", "64"),
          Guest("pair_two_level", arguments="vcpus=2"), Guest("pair_pae", arguments="vcpus=2"), Guest("pair_long", "64", "vcpus=2")]


@dataclass(frozen=True)
class Column:
    """A column of the table: a machine, and whether the kernel is told to do without nested paging."""
    name: str
    machine: str
    via: str
    words: str = ""
    lacks: str = ""        # "real": guests in real mode; "step": single-step over an instruction that exits (Bochs' SVM then ends);
                           # "task": task switches under the vTLB (QEMU: no intercept; Bochs: wrong EXITINTINFO);
                           # "double": faults in the delivery of an injected exception (QEMU)


COLUMNS = [
    Column("QEMU AMD, NPT", "pc", "kernel"),
    Column("QEMU AMD, vTLB", "pc", "kernel", "vtlb", lacks="task double"),
    Column("Bochs Intel, EPT", "bochs-corei7_haswell_4770", "mb2"),
    Column("Bochs Intel, EPT without unrestricted guest", "bochs-corei5_lynnfield_750", "mb2", lacks="real"),
    Column("Bochs Intel, vTLB", "bochs-core2_penryn_t9600", "mb2", lacks="real"),
    Column("Bochs AMD, NPT", "bochs-ryzen", "mb2", lacks="step"),
    Column("Bochs AMD, vTLB", "bochs-turion64_tyler", "mb2", lacks="step task"),
]


def guests_of(column, arch):
    return [guest for guest in GUESTS if not set(guest.needs.split()) & set(column.lacks.split() + (["64"] if arch == "x86_32" else []))]


def boot(made, column, guests, words="", cpus=2, **more):
    modules = [(made.user("vmm"), f"vmm {words}".strip())]
    modules += [(made.user(f"guests/{guest.name}"), f"{guest.name} {guest.arguments}".strip()) for guest in guests]
    return Boot(kernel=made.kernel_for(column.via), modules=modules, machine=column.machine, via=column.via, cpus=cpus,
                command_line=f"serial {column.words}".strip(), icount=column.machine.startswith("pc"), **more)


def results(text):
    """{guest: (checks, [what is wrong])} of the guests that printed something, and those that the monitor gave up."""
    found = {}
    for name, line in re.findall(r"(?m)^vm\d+ (\S+): (.*?)\r?$", text):
        entry = found.setdefault(name, {"plan": None, "ok": 0, "wrong": [], "end": ""})
        if re.match(r"ok \d+ ", line):
            entry["ok"] += 1
        elif line.startswith("not ok"):
            entry["wrong"].append(line)
        elif re.match(r"1\.\.\d+$", line):
            entry["plan"] = int(line[3:])
        elif line.startswith("GUEST-END"):
            entry["end"] = line
    outcome = {}
    for name, status in re.findall(r"(?m)^# vmm: (\S+) (good|FAILED)\b", text):
        entry = found.get(name, {"plan": None, "ok": 0, "wrong": [], "end": ""})
        wrong = list(entry["wrong"])
        if entry["end"] != "GUEST-END good" or entry["plan"] != entry["ok"] or status != "good":
            wrong.append(f"{name}: {entry['ok']} of {entry['plan']} checks are ok, {entry['end'] or 'it did not come to its end'}, the monitor says {status}")
        outcome[name] = (entry["ok"], wrong)
    return outcome
