# SPDX-License-Identifier: GPL-2.0-only
"""The longest path with interrupts off, over what user space can do: crowds, long chains, deep derivations, the conformance suite, guests."""
import re

import pytest

import interrupts_off
from conftest import OUT
from emulator import Boot

ARCHS = ["x86_64", "x86_32"]
# Program, its arguments, CPUs.
PROGRAMS = [("latency", "", 2), ("abi", "", 4), ("vcpu", "tame", 2),
            *(pytest.param(*row, marks=pytest.mark.slow) for row in [("bench", "", 2), ("churn", "", 4), ("small", "", 1), ("stress", "seconds=5", 4)])]


def boot(made, program, arguments, cpus):
    return Boot(kernel=made.elf32, modules=[(made.user(program), f"{program} {arguments}".strip())], machine="pc", via="kernel", cpus=cpus, memory=1024,
                command_line="serial kmem=256M", icount=True)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("program,arguments,cpus", PROGRAMS)
def test_interrupts_off(built, start, arch, program, arguments, cpus):
    made = built(arch)
    traced, out = interrupts_off.traced(boot(made, program, arguments, cpus), made.debug, OUT / "tests" / f"latency-{program}-{arch}")
    run = start(traced, limit=150)
    run.ended()
    failed = re.findall(r"(?m)^(?:not ok|FAIL|Bail out!) .*", run.text())
    assert not failed, run.explain("not ok:\n" + "\n".join(failed))
    report = interrupts_off.read(out)
    assert report.paths > 100 and report.longest, run.explain("the plugin has seen no kernel")
    print(report.table(3))
    assert report.longest[0].instructions <= interrupts_off.LIMIT, \
        f"more than {interrupts_off.LIMIT} instructions with interrupts off:\n{report.table()}\nrepeat it: tests/latency --arch {arch} --cpus {cpus} --program {program}"


# ---- the measurement itself ----

REPORT = """paths 3
overflows 0
below 256 2
below 32768 1
path 150 cpu 0 kernel_timer entry_syscall=50 kernel_timer=100
path 21000 cpu 1 revoke entry_syscall=1000 revoke=20000
"""


def test_report(tmp_path):
    (tmp_path / "report").write_text(REPORT)
    report = interrupts_off.read(tmp_path / "report")
    assert [path.instructions for path in report.longest] == [21000, 150] and report.paths == 3
    assert report.longest[0].cpu == 1 and report.longest[0].functions == [("entry_syscall", 1000), ("revoke", 20000)]
    assert "mostly revoke 20000" in report.table() and "2 below 256" in report.table()


def test_long_paths_are_seen(built, start):
    """A tenth of the limit is exceeded even by a small program: the measurement does not only see short ones."""
    made = built("x86_64")
    traced, out = interrupts_off.traced(boot(made, "small", "", 1), made.debug, OUT / "tests" / "latency-seen")
    start(traced).ended()
    assert interrupts_off.read(out).longest[0].instructions > 2000
