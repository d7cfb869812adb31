# SPDX-License-Identifier: GPL-2.0-only
"""Malformed boots: each ends in a clear message, or in a boot that ignores the bad part; never in a triple fault or a hang."""
import os
import re

import pytest

import forge
from conftest import OUT
from emulator import Boot
from harness import BootFailure
from malformed import CASES, Scene

HELLO = r"NOVA-C hello: (\d+) bit"
FATAL = r"FATAL: [^\r\n]*"


@pytest.fixture(scope="session")
def loader():
    return forge.loader(OUT / "tests" / f"loader-{os.getpid()}")


def boot_of(scene, loader, folder):
    folder.mkdir(parents=True, exist_ok=True)
    scene.forge.write(folder / "module")
    return Boot(kernel=loader, modules=[(folder / "module", "")], machine="pc", via="kernel", memory=forge.MEMORY >> 20, extra=tuple(scene.qemu))


@pytest.mark.parametrize("arch", ["x86_64", "x86_32"])
@pytest.mark.parametrize("name,build,answer", CASES, ids=[row[0] for row in CASES])
def test_malformed(built, start, loader, arch, name, build, answer):
    made, other = built(arch), built("x86_32" if arch == "x86_64" else "x86_64")
    scene = Scene(made.debug, made.user("hello").read_bytes(), other.user("hello").read_bytes())
    build(scene)
    run = start(boot_of(scene, loader, OUT / "tests/malformed" / f"{name}-{arch}"), limit=20)
    kind, pattern = answer
    if kind == "boots":
        assert run.expect(HELLO)[1] == ("64" if arch == "x86_64" else "32")
    elif kind == "fatal":
        run.expect(FATAL, fatal=True)
        run.still_running(0.3)
    else:                   # the root task cannot run, and the kernel says so
        run.expect(pattern, fatal=True)
        run.still_running(0.3)
    if pattern:
        log = run.text()
        where = [line for line in log.split("\n") if "FATAL" in line] if kind == "fatal" else log.split("\n")
        if not any(re.search(pattern, line) for line in where):
            raise BootFailure(run.explain(f"the message has to say something about: {pattern}"))
