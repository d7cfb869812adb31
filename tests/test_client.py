# SPDX-License-Identifier: GPL-2.0-only
"""Root tasks that were written for another kernel with this interface, if they are at hand.

NOVA_CLIENT names a folder with build.sh DIR, which makes client.64, client.32, rules.64 and rules.32; default: shared/client beside this
tree. Without it these cases are skipped.
"""
import os
import re
import subprocess
from pathlib import Path

import pytest

from conftest import OUT, TOP
from emulator import Boot

PLACE = Path(os.environ.get("NOVA_CLIENT", TOP.parent / "shared/client"))
pytestmark = pytest.mark.skipif(not (PLACE / "build.sh").exists(), reason=f"no {PLACE}/build.sh (NOVA_CLIENT names the folder)")

# How far they have to get: the last of these lines. Moves on as more hypercalls are complete.
CLIENT_REACHES = r"BENCH ipc_cross_pd_0w (\d+)"
# Checks of rules.c that may still fail, by number.
RULES_REACH = int(os.environ.get("NOVA_RULES_REACH", "1"))


@pytest.fixture(scope="session")
def client(tmp_path_factory):
    folder = OUT / "tests" / f"client-{os.getpid()}"
    subprocess.run(["bash", PLACE / "build.sh", folder], check=True)
    return folder


def boot(built, program, arch, cpus=1, **more):
    made = built(arch)
    return Boot(kernel=made.elf32, modules=[(f"{program}.{'64' if arch == 'x86_64' else '32'}", "")], machine="pc", via="kernel", cpus=cpus,
                memory=1024, icount=True, **more)


@pytest.mark.parametrize("arch", ["x86_64", "x86_32"])
def test_client(built, start, client, arch):
    run = start(boot(built, client / "client", arch))
    run.expect("BENCH-START api 10")
    run.expect(CLIENT_REACHES)
    assert not re.search(r"(?m)^FAIL", run.text()), run.explain("a step of the client failed")


@pytest.mark.parametrize("arch", ["x86_64", "x86_32"])
@pytest.mark.parametrize("cpus", [1, 4])
def test_rules(built, start, client, arch, cpus):
    run = start(boot(built, client / "rules", arch, cpus))
    run.expect(rf"ok {RULES_REACH} ")
