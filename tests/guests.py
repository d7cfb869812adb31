# SPDX-License-Identifier: GPL-2.0-only
"""Guests of user/vmm: which there are, on which machines they run, how a run is read, and the table of all that in doc/guests.md.

A run leaves what it found in build/out/guests; `make guest-table` runs everything and writes the table anew from it.
"""
import json
import re
from dataclasses import dataclass
from pathlib import Path

from emulator import Boot

TOP = Path(__file__).resolve().parent.parent
FOUND = TOP / "build/out/guests"
DOCUMENT = TOP / "doc/guests.md"
ARCHS = ["x86_64", "x86_32"]
NOT_HERE = "–"


@dataclass(frozen=True)
class Guest:
    name: str
    what: str
    needs: str = ""        # what not every column has: see Column.lacks; "64": a 64-bit host
    arguments: str = ""    # of its module


GUESTS = [
    Guest("real", "real mode, flat image: exceptions, single-step, interrupts of PIT, RTC and UART, HLT, ports and strings, CPUID, MSRs, CR0/CR4", "real"),
    Guest("flat", "32 bit without paging, ELF: as `real`, x87/SSE/AVX, user code, SYSENTER"),
    Guest("steps", "single-step over instructions that exit", "step"),
    Guest("breakpoints", "breakpoints by debug registers"),
    Guest("task", "hardware task switches", "task"),
    Guest("task_paging", "hardware task switches with paging", "task"),
    Guest("two_level", "32-bit paging, Multiboot: as `flat`; accessed and dirty bits, WP, INVLPG, large and global pages, tables that map themselves"),
    Guest("pae", "the same with PAE, no-execute, reserved bits"),
    Guest("long", "64 bit, Multiboot with addresses: the same, SYSCALL, SWAPGS, CR8", "64"),
    Guest("nested", "double fault", "double"),
    Guest("nested_long", "double fault, 64 bit", "double 64"),
    Guest("pair_two_level", "two virtual CPUs: interrupts to each other, common counting, TLB shoot-down", arguments="vcpus=2"),
    Guest("pair_pae", "the same with PAE", arguments="vcpus=2"),
    Guest("pair_long", "the same in 64-bit mode", "64", "vcpus=2"),
]


@dataclass(frozen=True)
class Column:
    """A column of the table: a machine, and whether the kernel is told to do without nested paging."""
    name: str
    machine: str
    via: str
    words: str = ""
    lacks: str = ""        # what guests may need, and it is not there
    why: str = ""          # and why


COLUMNS = [
    Column("QEMU AMD, NPT", "pc", "kernel"),
    Column("QEMU AMD, vTLB", "pc", "kernel", "vtlb", "task double",
           "`task`, as QEMU's SVM does not intercept task switches; `nested`, as it makes no double fault of a fault in the delivery of an injected one"),
    Column("Bochs Intel, EPT", "bochs-corei7_haswell_4770", "mb2"),
    Column("Bochs Intel, EPT without unrestricted guest", "bochs-corei5_lynnfield_750", "mb2", "", "real", "`real`, as the processor enters no guest without protection"),
    Column("Bochs Intel, vTLB", "bochs-core2_penryn_t9600", "mb2", "", "real", "`real`, as the processor enters no guest without protection"),
    Column("Bochs AMD, NPT", "bochs-ryzen", "mb2", "", "step", "`steps`, as Bochs keeps a single-step trap over #VMEXIT and ends the host with it"),
    Column("Bochs AMD, vTLB", "bochs-turion64_tyler", "mb2", "", "step task",
           "`steps`, for the same reason; `task`, as Bochs says something wrong about a software interrupt whose delivery exits"),
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


def place(column, arch):
    return FOUND / f"{re.sub(r'[^A-Za-z0-9]+', '_', column.name)}.{arch}.json"


def keep(column, arch, outcome):
    FOUND.mkdir(parents=True, exist_ok=True)
    place(column, arch).write_text(json.dumps(outcome))


def cells(column, arch, outcome):
    """{guest: what the table says}: how many checks are ok, or what failed; nothing about guests that cannot run here."""
    runs = guests_of(column, arch)
    table = {}
    for guest in GUESTS:
        good, wrong = outcome.get(guest.name, (0, ["did not run"]))
        table[guest.name] = NOT_HERE if guest not in runs else str(good) if not wrong else f"FAILED ({good} ok)"
    return table


HEAD = """# Guests and where they run

Written by `make guest-table` from the results of `tests/test_guests.py`; those are red if a cell is not what they find. A number says how many checks of the
guest are ok: all of them, or the cell says FAILED. A dash: the guest does not run there, for the reason below.

"""


def document(outcomes):
    """The text of doc/guests.md. outcomes: {(column name, arch): outcome}."""
    lines = [HEAD]
    for arch in ARCHS:
        lines += [f"## Host {arch}\n\n", "| guest | " + " | ".join(column.name for column in COLUMNS) + " |\n", "|---|" + "---|" * len(COLUMNS) + "\n"]
        table = {column.name: cells(column, arch, outcomes.get((column.name, arch), {})) for column in COLUMNS}
        lines += [f"| `{guest.name}` | " + " | ".join(table[column.name][guest.name] for column in COLUMNS) + " |\n" for guest in GUESTS]
        lines.append("\n")
    lines += ["## The guests\n\n"] + [f"* `{guest.name}`: {guest.what}\n" for guest in GUESTS]
    lines += ["\n## The machines\n\n"] + [
        f"* {column.name}: `{column.machine}` of `tools/machines.py`{f', kernel with `{column.words}`' if column.words else ''}"
        f"{f'. Not there: {column.why}' if column.why else ''}\n" for column in COLUMNS]
    lines.append("\nA 32-bit host has no 64-bit guests: the interface has no state for them.\n")
    return "".join(lines)


def document_cells(text, column, arch):
    """The cells of one column as the document has them."""
    part = text.split(f"## Host {arch}\n", 1)[-1].split("\n## ", 1)[0]
    rows = [[cell.strip() for cell in line.strip("|\n ").split("|")] for line in part.split("\n") if line.startswith("|")]
    if not rows or column.name not in rows[0]:
        return {}
    at = rows[0].index(column.name)
    return {row[0].strip("`"): row[at] for row in rows[2:]}
