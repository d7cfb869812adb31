# SPDX-License-Identifier: GPL-2.0-only
"""The harness itself, with a kernel of a few instructions: what has to be red is red, in time, and tells enough."""
import subprocess
import sys

import pytest

from conftest import TOP
from harness import BootFailure

SOURCE = r"""
.text
.globl _start
.balign 8
.long 0x1badb002, 0, -0x1badb002
.balign 8
1: .long 0xe85250d6, 0, 2f - 1b, -(0xe85250d6 + 2f - 1b)
.word 0, 0
.long 8
2:
_start: mov $text, %esi
next:   lodsb
        test %al, %al
        jz end
        mov %al, %bl
wait:   mov $0x3fd, %dx
        in %dx, %al
        test $0x20, %al
        jz wait
        mov %bl, %al
        mov $0x3f8, %dx
        out %al, %dx
        jmp next
end:    END
stop:   cli
        hlt
        jmp stop
text:   .asciz "TEXT"
"""
TRIPLE_FAULT = "push $0; push $0; lidt (%esp); ud2"
MACHINES = [("pc", "kernel"), ("pc", "mb1"), ("q35", "mb2"), ("q35", "uefi"), ("bochs-corei7_haswell_4770", "mb2")]


@pytest.fixture
def kernel(tmp_path):
    def build(text, end="nop"):
        (tmp_path / "k.S").write_text(SOURCE.replace("TEXT", text.replace("\n", "\\r\\n")).replace("END", end))
        subprocess.run(["gcc", "-m32", "-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0x100000", "-Wl,--build-id=none", "-o", tmp_path / "k.elf",
                        tmp_path / "k.S"], check=True)
        return {"kernel": tmp_path / "k.elf", "modules": [(tmp_path / "k.S", "module one, two")]}
    return build


@pytest.mark.parametrize("machine,via", MACHINES)
def test_finds_the_line(kernel, start, machine, via):
    run = start(**kernel("[0] first\nlast 42\n"), machine=machine, via=via, cpus=2)
    assert run.expect(r"last (\d+)")[1] == "42"
    assert "[0] first" in run.text()


@pytest.mark.parametrize("machine,via", [MACHINES[0], MACHINES[4]])
def test_other_text_is_red_in_time(kernel, start, machine, via):
    run = start(**kernel("[0] first\n"), machine=machine, via=via, limit=6)
    with pytest.raises(BootFailure) as failure:
        run.expect("last")
    text = str(failure.value)
    assert "in 6 seconds" in text and "repeat it by hand" in text and run.command[0] in text
    assert machine != "pc" or "[0] first" in text


@pytest.mark.parametrize("machine,via", [MACHINES[0], MACHINES[4]])
def test_triple_fault_is_red(kernel, start, machine, via):
    run = start(**kernel("[0] first\n", TRIPLE_FAULT), machine=machine, via=via)
    with pytest.raises(BootFailure, match="stopped, reset, or ended"):
        run.expect("last")


@pytest.mark.parametrize("machine,via", [MACHINES[0], MACHINES[4]])
def test_fatal_line_is_red(kernel, start, machine, via):
    run = start(**kernel("[0] FATAL: no module\n"), machine=machine, via=via)
    with pytest.raises(BootFailure, match="no module"):
        run.expect("last")


def test_fatal_line_can_be_expected_and_has_to_be_the_end(kernel, start):
    run = start(**kernel("[0] FATAL: no module\n"), machine="pc", via="kernel")
    run.expect("FATAL: no module", fatal=True)
    run.still_running(0.5)
    run = start(**kernel("[0] FATAL: no module\n", TRIPLE_FAULT), machine="pc", via="kernel")
    run.expect("FATAL: no module", fatal=True)
    with pytest.raises(BootFailure, match="stand still"):
        run.still_running(2)


def test_printed_command_repeats_the_boot(kernel, start):
    run = start(**kernel("[0] first\n", "mov $0xf4, %dx; mov $0, %al; out %al, %dx"), machine="pc", via="mb1")
    run.expect("first")
    run.close()
    result = subprocess.run(["bash", "-c", run.by_hand()], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert "[0] first" in result.stdout and result.returncode == 1, result.stdout + result.stderr


def test_tools_print_their_command_and_name_unknown_machines():
    run = subprocess.run([sys.executable, TOP / "tools/run", "--machine", "nothing"], capture_output=True, text=True)
    assert run.returncode and "no machine is called 'nothing'" in run.stderr
    run = subprocess.run([sys.executable, TOP / "tools/run", "--kernel", "/nowhere"], capture_output=True, text=True)
    assert run.returncode and "/nowhere does not exist; build it first" in run.stderr
