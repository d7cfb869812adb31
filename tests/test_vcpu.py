# SPDX-License-Identifier: GPL-2.0-only
"""user/test/vcpu: virtual CPUs with small guests, on every kind of hardware that the emulators play; and none where there is none."""
import re

import pytest

from emulator import Boot

# Machine, number of CPUs, arguments of the program. QEMU counts instructions, so that a run is repeatable, but for 'parallel'. Bochs ends when a guest of SVM has a triple fault, which random states lead to.
MACHINES = [("pc", "kernel", 2, ""), ("pc-nehalem", "kernel", 1, ""), ("bochs-corei7_haswell_4770", "mb2", 2, ""),
            ("bochs-ryzen", "mb2", 1, "tame"), ("pc", "kernel", 2, "vtlb"), ("bochs-turion64_tyler", "mb2", 1, "tame vtlb"),
            ("bochs-core2_penryn_t9600", "mb2", 1, "vtlb"), ("bochs-corei5_lynnfield_750", "mb2", 1, "noreal"),
            pytest.param("bochs-corei5_arrandale_m520", "mb2", 1, "", marks=pytest.mark.slow),
            pytest.param("bochs-tigerlake", "mb2", 1, "", marks=pytest.mark.slow),
            pytest.param("bochs-phenom_8650_toliman", "mb2", 1, "tame", marks=pytest.mark.slow),
            pytest.param("pc", "kernel", 2, "parallel", marks=pytest.mark.slow)]


@pytest.mark.parametrize("machine,via,cpus,arguments", MACHINES)
@pytest.mark.parametrize("arch", ["x86_64", "x86_32"])
def test_vcpu(built, start, arch, machine, via, cpus, arguments):
    made = built(arch)
    run = start(Boot(kernel=made.kernel_for(via), modules=[(made.user("vcpu"), f"vcpu {arguments}")], machine=machine, via=via, cpus=cpus, memory=256,
                     command_line="serial vtlb" if "vtlb" in arguments else "serial", icount=machine.startswith("pc") and arguments != "parallel"))
    match = run.expect(r"# vcpu: (\d+) checks, (\d+) failed|Bail out!.*")
    failed = re.findall(r"(?m)^not ok .*", run.text())
    expected = 1 if machine == "pc-nehalem" else 250
    assert match[1] and int(match[1]) >= expected and not failed, run.explain("not ok:\n" + "\n".join(failed))
