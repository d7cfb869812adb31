# SPDX-License-Identifier: GPL-2.0-only
"""user/vmm with the guests of user/guests: every guest that a machine can run, on every kind of virtualization, on both ports."""
import pytest

import guests

ARCHS = ["x86_64", "x86_32"]
QUICK = {"pc"}
DONE = r"# vmm: done, (\d+) guests, (\d+) failed"
COLUMNS = [pytest.param(column, id=column.name.replace(", ", "-").replace(" ", "_"), marks=[] if column.machine in QUICK else pytest.mark.slow)
           for column in guests.COLUMNS]


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("column", COLUMNS)
def test_guests(built, start, arch, column):
    """One boot, one guest after the other; every check of every guest is ok."""
    wanted = guests.guests_of(column, arch)
    run = start(guests.boot(built(arch), column, wanted), limit=400)
    run.expect(DONE)
    found = guests.results(run.text())
    wrong = [line for guest in wanted for line in found.get(guest.name, (0, [f"{guest.name}: did not run"]))[1]]
    assert not wrong, run.explain("\n".join(wrong))
