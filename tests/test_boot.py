# SPDX-License-Identifier: GPL-2.0-only
"""The main job on every machine: GRUB or QEMU loads the kernel, all CPUs come up, the demo runs to its last line on every CPU."""
import re

import pytest

from emulator import Boot

ARCHS = ["x86_64", "x86_32"]
DONE = r"NOVA-C demo: (?:done, (\d+) CPUs, (\d+) calls|FAILED)"
HELLO = r"NOVA-C hello: (\d+) bit"
SLOW = pytest.mark.slow


def demo(made, name, via, cpus, **more):
    return Boot(kernel=made.kernel_for(via), modules=[(made.user("demo"), "demo")], machine=name, via=via, cpus=cpus, **more)


def run_demo(start, boot, cpus, limit=None):
    run = start(boot, limit)
    match = run.expect(DONE)
    assert match[1] == str(cpus) and int(match[2] or 0) >= cpus, run.explain(f"the demo has to end with {cpus} CPUs and a call on each")
    return run


def rows(*table, slow=()):
    return [pytest.param(*row, marks=[SLOW] if row in slow else [], id="-".join(map(str, row))) for row in table]


QEMU = [(name, via, cpus) for name in ("pc", "q35") for via in ("mb2",) for cpus in (1, 2, 8)] + \
       [("pc", "kernel", 1), ("q35", "kernel", 8), ("pc", "mb1", 1), ("q35", "mb1", 8), ("pc", "pxe", 2)]
OTHER_CPUS = [(name, "kernel", 2) for name in ("pc-max", "pc-qemu64", "pc-opteron", "pc-nehalem", "q35-intel-iommu", "q35-amd-iommu")]
BOCHS = [("bochs-corei7_haswell_4770", "mb2", 1), ("bochs-corei7_haswell_4770", "mb2", 4), ("bochs-ryzen", "mb2", 1), ("bochs-ryzen", "mb1", 4),
         ("bochs-core2_penryn_t9600", "mb1", 1), ("bochs-corei5_arrandale_m520", "mb2", 4), ("bochs-corei7_sandy_bridge_2600k", "mb2", 1),
         ("bochs-corei7_skylake_x", "mb2", 4), ("bochs-corei7_icelake_u", "mb2", 1), ("bochs-tigerlake", "mb2", 4),
         ("bochs-athlon64_venice", "mb2", 1), ("bochs-turion64_tyler", "mb2", 4), ("bochs-phenom_8650_toliman", "mb2", 1),
         ("bochs-zambezi", "mb2", 4), ("bochs-trinity_apu", "mb2", 1)]


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("name,via,cpus", rows(*QEMU, *OTHER_CPUS))
def test_qemu(built, start, arch, name, via, cpus):
    run_demo(start, demo(built(arch), name, via, cpus), cpus)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("name,via,cpus", rows(*BOCHS, slow=BOCHS[5:]))
def test_bochs(built, start, arch, name, via, cpus):
    run_demo(start, demo(built(arch), name, via, cpus, memory=256), cpus)


@pytest.mark.parametrize("cpus", [1, 2])
def test_uefi(built, start, cpus):
    """GRUB from OVMF, Multiboot 2; the HIP names the EFI system table."""
    run_demo(start, demo(built("x86_64"), "q35", "uefi", cpus), cpus)


@pytest.mark.parametrize("arch", ARCHS)
def test_assertions(built, start, arch):
    """A build with all assertions on runs as well."""
    run_demo(start, demo(built(arch, debug=1), "q35", "mb2", 4), 4)


@pytest.mark.parametrize("arch", ARCHS)
def test_clang(built, start, arch):
    """So does one that clang made."""
    run_demo(start, demo(built(arch, compiler="clang"), "pc", "mb2", 2), 2)


def test_255_cpus_default_build(built, start):
    """The default build takes 64 CPUs and says how many it leaves out."""
    run = run_demo(start, demo(built("x86_64"), "q35", "mb2", 255, memory=1024), 64, limit=180)
    assert re.search(r"(?m)^\[\d+\] .*\b(191|255)\b.*CPU|CPU.*\b(191|255)\b", run.text()), run.explain("the log has to say that 191 of 255 CPUs are left out")


def test_255_cpus_large_build(built, start):
    run_demo(start, demo(built("x86_64", cpus=256), "q35", "mb2", 255, memory=1024), 255, limit=180)


@pytest.mark.parametrize("arch", ARCHS)
def test_cpu_lines(built, start, arch):
    """One line per CPU in the boot log: id, package:core:thread, vendor, features in use."""
    made = built(arch)
    run = start(Boot(kernel=made.elf32, modules=[(made.user("demo"), "demo")], machine="q35", via="kernel", cpus=4,
                     extra=("-smp", "4,sockets=2,cores=2,threads=1")))
    run.expect(DONE)
    lines = re.findall(r"(?m)^\[\d+\] .*\b(\d+):(\d+):(\d+)\b.*", run.text())
    assert len(set(lines)) == 4, run.explain("each of 4 CPUs has its own line with package:core:thread")
    assert "AMD" in run.text(), run.explain("the lines name the vendor")


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("options,wanted,unwanted", [("serial", ["x2apic", "tsc-deadline"], []), ("serial nodl", ["x2apic"], ["tsc-deadline"])],
                         ids=["default", "nodl"])
def test_x2apic_and_tsc_deadline(built, start, arch, options, wanted, unwanted):
    """Bochs haswell has both, QEMU neither."""
    run = run_demo(start, demo(built(arch), "bochs-corei7_haswell_4770", "mb2", 4, memory=256, command_line=options), 4)
    lines = re.findall(r"(?m)^\[\d+\] cpu \d+ .*", run.text().lower())
    assert len(lines) == 4, run.explain("one line per CPU")
    for line in lines:
        assert all(word in line for word in wanted) and not any(word in line for word in unwanted), run.explain(f"each CPU line has {wanted}, not {unwanted}")


@pytest.mark.parametrize("arch", ARCHS)
def test_no_x2apic_on_qemu(built, start, arch):
    run = run_demo(start, demo(built(arch), "pc", "kernel", 2), 2)
    assert not re.search(r"(?im)^\[\d+\] .*\d+:\d+:\d+.*(x2apic|tsc-deadline)", run.text())


@pytest.mark.parametrize("arch", ARCHS)
def test_time_to_root(built, start, arch):
    """From the boot loader's jump to the root task: below 0.3 s of guest time (one tick is one instruction here)."""
    run = start(demo(built(arch), "pc", "mb2", 1, icount=True))
    match = run.expect(r"root task starts after (\d+) ms")
    assert int(match[1]) < 300, run.explain("too slow to the root task")
    run.expect(DONE)


@pytest.mark.parametrize("arch", ARCHS)
def test_repeatable_with_icount(built, start, arch):
    """With one tick per instruction two boots give the same log: no result hangs on the speed of the test machine."""
    logs = []
    for _ in range(2):
        run = start(demo(built(arch), "pc", "kernel", 1, icount=True))
        run.expect(DONE)
        logs.append([line for line in run.text().split("\n") if line.startswith("[")])
    assert logs[0] == logs[1] and logs[0]


@pytest.mark.parametrize("arch", ARCHS)
def test_unknown_words_are_named(built, start, arch):
    run = run_demo(start, demo(built(arch), "pc", "kernel", 1, command_line="serial novpid frobnicate keyb=1"), 1)
    log = "\n".join(line for line in run.text().split("\n") if line.startswith("["))
    assert "frobnicate" in log and "keyb=1" in log and not re.search("unknown.*novpid", log), run.explain("unknown words have to be named")


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("options", ["serial vga", "serial vga spinner keyb logmem", "serial nopcid novpid vtlb hlt fpu_lazy", "serial kmem=32M"])
def test_options(built, start, arch, options):
    run_demo(start, demo(built(arch), "pc", "kernel", 2, command_line=options), 2)


@pytest.mark.parametrize("memory", [48, 3072, pytest.param(5120, marks=SLOW)])
@pytest.mark.parametrize("arch", ARCHS)
def test_memory_sizes(built, start, arch, memory):
    run_demo(start, demo(built(arch), "q35", "kernel", 1, memory=memory), 1)


@pytest.mark.parametrize("arch", ARCHS)
def test_vga_screen(built, start, arch, tmp_path):
    """The text console: the boot log is in the VGA text buffer, without a serial line from the kernel."""
    made = built(arch)
    dump = tmp_path / "screen"
    run = start(Boot(kernel=made.elf32, modules=[(made.user("demo"), "demo")], machine="pc", via="kernel", command_line="vga",
                     extra=("-qmp", f"unix:{tmp_path}/qmp,server=on,wait=off")))
    run.expect(DONE)
    text = "\n".join(screen(f"{tmp_path}/qmp", dump))
    assert re.search(r"(?m)^\[\d+\] \S", text), run.explain("no kernel line on the screen:\n" + text)


def screen(socket_path, dump):
    """The 25 lines of the VGA text buffer, read through QEMU's control socket."""
    import json
    import socket
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(socket_path)
        channel = control.makefile("rw")
        channel.readline()
        for command in ({"execute": "qmp_capabilities"},
                        {"execute": "pmemsave", "arguments": {"val": 0xb8000, "size": 4000, "filename": str(dump)}}):
            channel.write(json.dumps(command))
            channel.flush()
            while "return" not in (answer := json.loads(channel.readline())):
                assert "error" not in answer, answer
    data = dump.read_bytes()
    return ["".join(chr(data[2 * (80 * row + column)]) for column in range(80)).rstrip() for row in range(25)]
