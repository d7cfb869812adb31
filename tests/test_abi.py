# SPDX-License-Identifier: GPL-2.0-only
"""user/abi: the conformance suite, a root task that checks the kernel's interface from inside and prints TAP lines."""
import re

import pytest

from emulator import Boot


@pytest.mark.parametrize("machine,via,cpus", [("pc", "kernel", 1), ("q35", "kernel", 4), ("bochs-corei7_haswell_4770", "mb2", 2),
                                              pytest.param("bochs-ryzen", "mb2", 1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("arch", ["x86_64", "x86_32"])
@pytest.mark.parametrize("debug", [0, 1], ids=["release", "assertions"])
def test_abi(built, start, arch, debug, machine, via, cpus):
    made = built(arch, debug=debug)
    run = start(Boot(kernel=made.kernel_for(via), modules=[(made.user("abi"), "abi")], machine=machine, via=via, cpus=cpus, memory=256,
                     icount=cpus == 1 and via == "kernel", shift=4))  # its clock does not depend on the host's load
    match = run.expect(r"# abi: (\d+) checks, (\d+) failed|Bail out!.*")
    failed = re.findall(r"(?m)^not ok .*", run.text())
    assert match[1] and int(match[1]) > 500 and not failed and match[2] == "0", run.explain("not ok:\n" + "\n".join(failed))
