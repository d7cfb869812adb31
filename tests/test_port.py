# SPDX-License-Identifier: GPL-2.0-only
"""What the ports promise about the running machine, looked at from outside: rights of the kernel's pages, CPUs without this or that."""
import json
import re
import socket
import subprocess

import pytest

from emulator import Boot

ARCHS = ["x86_64", "x86_32"]
DONE = r"NOVA-C demo: (?:done, (\d+) CPUs, (\d+) calls|FAILED)"


def monitor(path, command):
    """The answer of QEMU's human monitor."""
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(str(path))
        channel = control.makefile("rw")
        channel.readline()
        answer = {}
        for message in ({"execute": "qmp_capabilities"}, {"execute": "human-monitor-command", "arguments": {"command-line": command}}):
            channel.write(json.dumps(message))
            channel.flush()
            while "return" not in (answer := json.loads(channel.readline())):
                assert "error" not in answer, answer
        return answer["return"]


def symbols(made):
    """Borders of the kernel image, from the file with symbols."""
    lines = subprocess.run(["nm", str(made.elf32.parent / "hypervisor.debug")], capture_output=True, text=True, check=True).stdout.split("\n")
    return {line.split()[2]: int(line.split()[0], 16) for line in lines if len(line.split()) == 3}


@pytest.mark.parametrize("arch", ARCHS)
def test_kernel_pages(built, start, arch, tmp_path):
    """In each address space: kernel text is executable and read-only, all else of the kernel is not executable, nothing of it is the user's, no 1:1 view is left."""
    made = built(arch)
    run = start(Boot(kernel=made.elf32, modules=[(made.user("demo"), "demo")], machine="pc", via="kernel", cpus=2,
                     extra=("-qmp", f"unix:{tmp_path}/qmp,server=on,wait=off")))
    run.expect(DONE)
    table = re.findall(r"(?m)^([0-9a-f]+): ([0-9a-f]+) (\S{9})\r?$", monitor(tmp_path / "qmp", "info tlb"))
    border = symbols(made)
    limit = 0x7fffc0000000 if arch == "x86_64" else 0xc0000000
    text = set()
    for address, _, bits in table:
        address = int(address, 16)
        executable, writable, user = "X" not in bits, "W" in bits, "U" in bits
        what = run.explain(f"page {address:x} {bits}")
        assert user == (address < limit), what
        if address < limit:
            continue
        assert not (executable and writable), what
        assert "G" in bits, what
        if executable:
            text.add(address)
        if border["_rodata_begin"] <= address < border["_rodata_end"]:
            assert not writable, what
    assert text == set(range(border["_text_begin"], border["_text_end"], 4096)), run.explain("the executable pages are not those of the kernel's text")


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("flag,message", [("nx", "no NX"), ("pat", None), ("pge", None), ("xsave", None)])
def test_cpu_without(built, start, arch, flag, message):
    """A CPU without a feature that the kernel can live without."""
    made = built(arch)
    run = start(Boot(kernel=made.elf32, modules=[(made.user("demo"), "demo")], machine="pc", via="kernel", cpus=2, extra=("-cpu", f"max,-{flag}")))
    match = run.expect(DONE)
    assert match[1] == "2", run.explain("the demo has to run on both CPUs")
    lines = re.findall(r"(?m)^\[\d+\] cpu \d+ \S+:.*: (.*)$", run.text())
    assert len(lines) == 2 and all(flag not in line.split() for line in lines), run.explain(f"the CPU lines must not name {flag}")
    assert not message or message in run.text(), run.explain(f"the log has to say: {message}")


@pytest.mark.parametrize("flag", ["apic", "msr", "fxsr", "sse"])
def test_cpu_too_old(built, start, flag):
    """A CPU that lacks what the kernel needs: a message that says so."""
    made = built("x86_32")
    run = start(Boot(kernel=made.elf32, modules=[(made.user("demo"), "demo")], machine="pc", via="kernel", extra=("-cpu", f"max,-{flag}")))
    run.expect(r"FATAL: .*(lacks)", fatal=True)
