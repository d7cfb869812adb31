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

# How far the client has to get; it measures one path after the other.
CLIENT_REACHES = os.environ.get("NOVA_CLIENT_REACHES", "BENCH-END")


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
    run.expect("JUDGE-END")
    wrong = re.findall(r"(?m)^NOT ok .*", run.text())
    assert not wrong and re.search(r"JUDGE-END good \S+ of 0x73", run.text()), run.explain(f"{len(wrong)} of 115 rules are not kept: {wrong}")
