# SPDX-License-Identifier: GPL-2.0-only
"""user/vmm with the guests of user/guests: every guest that a machine can run, on every kind of virtualization, on both ports."""
import re

import pytest

import guests
from guests import ARCHS, COLUMNS

QUICK = {"QEMU AMD, NPT", "QEMU AMD, vTLB", "Bochs Intel, EPT", "Bochs Intel, vTLB"}
DONE = r"# vmm: done, (\d+) guests, (\d+) failed"
BY_NAME = {column.name: column for column in COLUMNS}
QEMU = [BY_NAME["QEMU AMD, NPT"], BY_NAME["QEMU AMD, vTLB"]]


def named(columns):
    return [pytest.param(column, id=re.sub(r"[^A-Za-z0-9]+", "_", column.name), marks=[] if column.name in QUICK else pytest.mark.slow) for column in columns]


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("column", named(COLUMNS))
def test_every_guest(built, start, arch, column):
    """One boot, one guest after the other; every check of every guest is ok, and the table in doc/ says so."""
    wanted = guests.guests_of(column, arch)
    run = start(guests.boot(built(arch), column, wanted), limit=400)
    run.expect(DONE)
    found = guests.results(run.text())
    guests.keep(column, arch, found)
    wrong = [line for guest in wanted for line in found.get(guest.name, (0, [f"{guest.name}: did not run"]))[1]]
    assert not wrong, run.explain("\n".join(wrong))
    assert guests.document_cells(guests.DOCUMENT.read_text(), column, arch) == guests.cells(column, arch, found), \
        "doc/guests.md says something else; if the guests have changed: make guest-table"


def test_table():
    """The document is what the tool writes from the cells that it has: no row, column or remark is missing or changed by hand."""
    text = guests.DOCUMENT.read_text()
    outcomes = {}
    for column in COLUMNS:
        for arch in ARCHS:
            table = guests.document_cells(text, column, arch)
            outcomes[column.name, arch] = {name: (int(cell), []) for name, cell in table.items() if cell.isdigit()}
    assert text == guests.document(outcomes), "doc/guests.md is not what tools/guest_table writes: make guest-table"


def test_results_are_read():
    text = "vm0 a: ok 1 - x\r\nvm0 a: 1..1\nvm0 a: GUEST-END good\n# vmm: a good, status 0, 7 events\n"
    assert guests.results(text) == {"a": (1, [])}
    for change in [("ok 1", "not ok 1"), ("1..1", "1..2"), ("END good", "END bad"), ("a good, status 0", "a FAILED, status 1"), ("vm0 a: ok 1 - x\r\n", "")]:
        assert guests.results(text.replace(*change))["a"][1], change


def restart(start, made, column, restarts, limit):
    names = ["real", "pae", "long", "pair_long"] if made.arch == "x86_64" else ["real", "flat", "two_level", "pair_pae"]
    chosen = [guest for name in names for guest in guests.GUESTS if guest.name == name]
    run = start(guests.boot(made, column, chosen, f"vms=4 restarts={restarts} quiet"), limit=limit)
    memory = run.expect(r"# vmm: (\d+) restarts, (\d+) events, (\d+) times a guest was at its end, kernel memory (\d+) pages before, (\d+) after")
    run.expect(rf"# vmm: done, {restarts} guests, 0 failed")
    assert memory[4] == memory[5] and int(memory[3]), run.explain("kernel memory is not what it was, or no guest ever came to its end")
    said = re.findall(r"(?m)^\[\d+\] .*(?:killed|FATAL).*", run.text())
    assert not said, run.explain("the kernel has something to say:\n" + "\n".join(said))


@pytest.mark.parametrize("arch", ARCHS)
def test_restarts(built, start, arch):
    """Four machines at once on two CPUs, one of them killed and started anew 50 times: not a page of kernel memory is lost."""
    restart(start, built(arch), QEMU[ARCHS.index(arch)], 50, 200)


@pytest.mark.slow
@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("column", named(QEMU))
def test_thousand_restarts(built, start, arch, column):
    restart(start, built(arch), column, 1000, 1500)


def pair(built, start, arch, column, seconds, icount):
    name = "pair_long" if arch == "x86_64" else "pair_pae"
    guest = guests.Guest(name, "", arguments=f"vcpus=2 seconds={seconds} limit={2 * seconds + 30}")
    spec = guests.boot(built(arch), column, [guest])
    spec.icount = icount
    run = start(spec, limit=4 * seconds + 60)
    run.expect(DONE)
    wrong = guests.results(run.text()).get(name, (0, ["did not run"]))[1]
    assert not wrong, run.explain("\n".join(wrong))


@pytest.mark.parametrize("arch", ARCHS)
def test_pair(built, start, arch):
    """Two virtual CPUs on two CPUs, whose threads run in parallel: none of them gets stuck."""
    pair(built, start, arch, QEMU[1 - ARCHS.index(arch)], 5, False)


@pytest.mark.slow
@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("column", named(QEMU))
def test_pair_for_five_minutes(built, start, arch, column):
    pair(built, start, arch, column, 300, False)
