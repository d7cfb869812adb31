# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures: `built` makes kernels and user programs, `start` boots a machine and ends it with the test."""
import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "tools"))
from emulator import Boot  # noqa: E402
from harness import Running  # noqa: E402

OUT = TOP / "build/out"


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: runs in `make test-all` only")


class Built:
    """Outputs of one build: kernel for each loader and user programs."""

    def __init__(self, arch, out):
        self.arch, self.out = arch, out
        self.kernel = out / "hypervisor"
        self.debug = out / "hypervisor.debug"
        self.elf32 = out / ("hypervisor.elf32" if arch == "x86_64" else "hypervisor")

    def user(self, name):
        return self.out / "user" / name

    def kernel_for(self, via):
        return self.elf32 if via in ("kernel", "pxe") else self.kernel


def make(*arguments, check=True, **more):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "MFLAGS"}
    result = subprocess.run(["make", "--no-print-directory", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env=environment, **more)
    if check and result.returncode:
        pytest.fail(f"make {' '.join(arguments)} failed:\n{result.stdout[-4000:]}", pytrace=False)
    return result


@pytest.fixture(scope="session")
def built():
    """built(arch, cpus=64, debug=0, compiler="gcc"): builds kernel and user programs once and returns them."""
    done = {}

    def build(arch, cpus=64, debug=0, compiler="gcc"):
        name = arch + (f"-{cpus}" if cpus != 64 else "") + ("-debug" if debug else "") + (f"-{compiler}" if compiler != "gcc" else "")
        if name not in done:
            OUT.mkdir(parents=True, exist_ok=True)
            with open(OUT / f"lock.{name}", "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                make("-C", str(TOP / "build"), "-j2", f"ARCH={arch}", f"CPUS={cpus}", f"DEBUG={debug}", f"CC={compiler}", f"OUT={OUT / name}", "user")
            done[name] = Built(arch, OUT / name)
        return done[name]

    return build


@pytest.fixture
def start(request):
    """start(boot, limit=None) or start(kernel=..., modules=..., machine=..., ...): a Running machine, ended with the test."""
    machines = []
    place = OUT / "tests" / re.sub(r"[^\w.,=-]+", "_", request.node.name)

    def go(boot=None, limit=None, **spec):
        running = Running(boot or Boot(**spec), place if not machines else Path(f"{place}-{len(machines) + 1}"), limit)
        machines.append(running)
        return running

    yield go
    for running in machines:
        running.close()


def pytest_terminal_summary(terminalreporter):
    counts = {name: len(terminalreporter.stats.get(name, [])) for name in ("passed", "failed", "error", "skipped")}
    place = os.environ.get("NOVA_COUNTS")
    if place:
        Path(place).write_text(f"{counts['passed']} {counts['failed'] + counts['error']} {counts['skipped']}\n")
