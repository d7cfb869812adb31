# SPDX-License-Identifier: GPL-2.0-only
"""FPU registers: nobody sees another's, with and without XSAVE and AVX, with and without `fpu_lazy`, not even what is in a CPU while another thread runs."""
import json
import re
import socket

import pytest

from emulator import Boot
from machines import Machine, machine

CPUS = {"avx": "max", "xsave": "max,-avx,-avx2", "fxsave": "max,-xsave,-avx,-avx2", "opteron": "Opteron_G3"}


def qemu(cpu):
    return Machine("pc-" + cpu, "qemu", CPUS[cpu], frozenset(), "pc")


def ask(path, command):
    """The answer of QEMU's human monitor."""
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(str(path))
        stream = control.makefile("rw")
        stream.readline()
        for message in ({"execute": "qmp_capabilities"}, {"execute": "human-monitor-command", "arguments": {"command-line": command}}):
            stream.write(json.dumps(message) + "\n")
            stream.flush()
            while "return" not in (answer := json.loads(stream.readline())):
                pass
        return answer["return"]


@pytest.mark.parametrize("option", ["", " fpu_lazy"], ids=["eager", "lazy"])
@pytest.mark.parametrize("cpu", ["avx", "fxsave"])
@pytest.mark.parametrize("arch", ["x86_64", "x86_32"])
def test_nothing_stays_in_the_registers(built, start, tmp_path, arch, cpu, option):
    """When the only thread that used the FPU sleeps, the registers are as after reset, and the FPU is off."""
    made = built(arch)
    run = start(Boot(kernel=made.elf32, modules=[(made.user("quiet"), "quiet")], machine=qemu(cpu), via="kernel", command_line="serial" + option,
                     extra=("-qmp", f"unix:{tmp_path}/qmp,server=on,wait=off")))
    assert run.expect(r"quiet: CPU \d+, (AVX|SSE)")[1] == ("AVX" if cpu == "avx" else "SSE")
    run.expect("quiet: the registers are full")
    # The thread sleeps a few instructions after its line has left.
    for _ in range(50):
        registers = ask(tmp_path / "qmp", "info registers")
        if "HLT=1" in registers:
            break
    assert "HLT=1" in registers, registers
    values = re.findall(r"(?:[XYZ]MM|FPR)\d+\s*=([0-9a-f ]+)", registers)
    assert len(values) >= 16 and not any(value.strip("0 \r\n") for value in values), registers
    assert "MXCSR=00001f80" in registers and "FCW=037f" in registers, registers
    assert int(re.search(r"CR0=([0-9a-f]+)", registers)[1], 16) & 8, registers


@pytest.mark.parametrize("arch,cpu,option,cpus", [
    ("x86_64", "avx", " fpu_lazy", 2), ("x86_32", "avx", " fpu_lazy", 2), ("x86_64", "fxsave", "", 2), ("x86_32", "fxsave", " fpu_lazy", 2),
    *(pytest.param(arch, cpu, option, cpus, marks=pytest.mark.slow) for arch in ("x86_64", "x86_32") for cpu in CPUS for option in ("", " fpu_lazy") for cpus in (1, 4))])
def test_conformance(built, start, arch, cpu, option, cpus):
    made = built(arch)
    run = start(Boot(kernel=made.elf32, modules=[(made.user("abi"), "abi")], machine=qemu(cpu), via="kernel", cpus=cpus, command_line="serial" + option, memory=256))
    match = run.expect(r"# abi: (\d+) checks, (\d+) failed|Bail out!.*")
    failed = re.findall(r"(?m)^not ok .*", run.text())
    assert match[1] and not failed and match[2] == "0", run.explain("not ok:\n" + "\n".join(failed))
    assert len(re.findall(r"(?m)^ok \d+ - 5\.fpu_", run.text())) >= (20 if "-xsave" not in CPUS[cpu] and cpu != "opteron" else 15)


@pytest.mark.parametrize("arch", ["x86_64", "x86_32"])
@pytest.mark.parametrize("name,program", [("pc", "vcpu"), pytest.param("bochs-corei7_haswell_4770", "vcpu", marks=pytest.mark.slow)])
def test_virtual_cpus(built, start, arch, name, program):
    """A guest's registers are its own with fpu_lazy, too."""
    made = built(arch)
    via = "kernel" if machine(name).emulator == "qemu" else "mb2"
    run = start(Boot(kernel=made.kernel_for(via), modules=[(made.user(program), program)], machine=name, via=via, cpus=1, memory=256, command_line="serial fpu_lazy",
                     icount=via == "kernel"))
    match = run.expect(r"# vcpu: (\d+) checks, (\d+) failed")
    assert int(match[1]) > 50 and match[2] == "0", run.explain("not ok")
