# SPDX-License-Identifier: GPL-2.0-only
"""Root tasks that create, destroy and measure on the target: user/test/churn, small, stress, siege and clock. They print TAP lines."""
import re

import pytest

from emulator import Boot

ARCHS = ["x86_64", "x86_32"]
KILLED = r"(?m)^\[\d+\] thread killed.*"


def tap(run, program, checks, quiet=True):
    """Runs to the program's last line; every check has to be ok, and the kernel has nothing to say."""
    run.expect(rf"# {program}: done")
    text = run.text()
    good, bad = re.findall(r"(?m)^ok \d+ .*", text), re.findall(r"(?m)^(?:not ok|FAIL) .*", text)
    assert len(good) == checks and not bad, run.explain(f"{len(good)} of {checks} checks are ok:\n" + "\n".join(bad))
    assert not quiet or not re.findall(KILLED, text), run.explain("the kernel has killed a thread")


def boot(built, program, arch, cpus, words="", command_line="serial", **more):
    made = built(arch)
    return Boot(kernel=made.elf32, modules=[(made.user(program), f"{program} {words}".strip())], machine="pc", via="kernel", cpus=cpus, memory=1024,
                command_line=command_line, **more)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("cpus", [1, 4])
def test_churn(built, start, arch, cpus):
    """10,000 domains come and go on all CPUs, 100,000 semaphores exist at once; not a page of kernel memory is lost."""
    tap(start(boot(built, "churn", arch, cpus, command_line="serial kmem=64M")), "churn", 4)


@pytest.mark.parametrize("arch", ARCHS)
def test_small(built, start, arch):
    """A small domain fits into the account that existing user space gives it."""
    tap(start(boot(built, "small", arch, 1)), "small", 3)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("cpus,icount,words", [
    pytest.param(4, True, "seconds=3", id="4-counted"), pytest.param(4, False, "seconds=8 seed=2", id="4-parallel", marks=pytest.mark.slow),
    pytest.param(1, True, "seconds=3 seed=3", id="1"), pytest.param(2, True, "seconds=5 seed=4", id="2-counted", marks=pytest.mark.slow),
    pytest.param(4, False, "seconds=300 seed=5", id="5-minutes", marks=pytest.mark.slow)])
def test_stress(built, start, arch, cpus, icount, words):
    """16 threads on each CPU call across CPUs while others are created, recalled and destroyed: no lost wake-up, no leak, no word of the kernel."""
    run = start(boot(built, "stress", arch, cpus, words, icount=icount), limit=600)
    tap(run, "stress", 2)
    text = run.text()
    said = re.findall(r"(?m)^\[\d+\] .*", text[text.index("# stress: "):])
    assert not said, run.explain("the kernel's log has new lines:\n" + "\n".join(said))


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("cpus,icount,words", [
    pytest.param(2, True, "seconds=1", id="2-counted"), pytest.param(1, True, "seconds=2 seed=2", id="1-counted", marks=pytest.mark.slow),
    pytest.param(4, True, "seconds=4 seed=3", id="4-counted", marks=pytest.mark.slow),
    pytest.param(4, False, "seconds=60 seed=4", id="4-parallel", marks=pytest.mark.slow)])
def test_siege(built, start, arch, cpus, icount, words):
    """Domains whose threads make random hypercalls and execute what programs should not; the kernel, with its assertions, goes on, and gets all memory back."""
    made = built(arch, debug=1)
    run = start(Boot(kernel=made.elf32, modules=[(made.user("siege"), f"siege {words}")], machine="pc", via="kernel", cpus=cpus, memory=512,
                     command_line="serial kmem=64M", icount=icount), limit=300)
    tap(run, "siege", 2, quiet=False)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("cpus,checks", [(1, 20), (4, 31)])
def test_clock(built, start, arch, cpus, checks):
    """Times of SCs, ECs and idle time add up to the elapsed time within 0.1 %; slices are as long as asked for; 10,000 timeouts fire once and in time."""
    tap(start(boot(built, "clock", arch, cpus, icount=True, command_line="serial kmem=256M")), "clock", checks)
