# SPDX-License-Identifier: GPL-2.0-only
"""Command lines and configurations for QEMU and Bochs. A Boot says what to start; command() says how, exactly."""
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from image import cached_iso
from machines import Machine, machine

OVMF = Path("/usr/share/OVMF")

BOCHSRC = """# {what}
config_interface: textconfig
display_library: rfb, options="timeout=0"
plugin_ctrl: iodebug=1
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
memory: guest={memory}, host={memory}
cpu: model={cpu}, count={cpus}, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1
clock: sync=none, time0=1000000000, rtc_sync=0
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata1: enabled=0
ata0-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={serial}
port_e9_hack: enabled=1
speaker: enabled=0
mouse: enabled=0
panic: action=report
error: action=report
info: action=report
debug: action=ignore
log: {log}
"""


@dataclass
class Boot:
    """One start of a machine. via: kernel (QEMU loads it itself, Multiboot 1), mb1 or mb2 (GRUB from BIOS), uefi (GRUB from OVMF, Multiboot 2),
    pxe (the network card's iPXE, Multiboot 1)."""
    kernel: Path
    modules: list                     # [(path, command line)]
    machine: Machine
    via: str = "mb2"
    cpus: int = 1
    memory: int = 512                 # MiB
    command_line: str = "serial"
    icount: bool = False              # one tick of guest time is one instruction ...
    shift: int = 0                    # ... or an instruction takes 2^shift ticks
    extra: tuple = field(default=())  # more arguments for QEMU
    console: bool = False             # for a person: QEMU's monitor is on the terminal, too (Ctrl-A C)

    def __post_init__(self):
        if isinstance(self.machine, str):
            self.machine = machine(self.machine)
        if self.via not in ("kernel", "mb1", "mb2", "uefi", "pxe"):
            raise SystemExit(f"no way of booting is called '{self.via}'; there are: kernel mb1 mb2 uefi pxe")
        if self.machine.emulator == "bochs" and self.via not in ("mb1", "mb2"):
            raise SystemExit(f"{self.machine.name} boots from an ISO by BIOS only: mb1 or mb2")

    def iso(self, folder):
        return cached_iso(Path(folder) / "iso", self.kernel, self.modules, self.command_line, 1 if self.via == "mb1" else 2)

    def network(self, place):
        """A folder for QEMU's TFTP server: iPXE script, kernel and modules."""
        place.mkdir(parents=True, exist_ok=True)
        script = f"#!ipxe\nkernel hypervisor {self.command_line}\n"
        shutil.copy(self.kernel, place / "hypervisor")
        for number, (path, arguments) in enumerate(self.modules):
            shutil.copy(path, place / f"module{number}")
            script += f"module module{number} {arguments}\n"
        (place / "boot.ipxe").write_text(script + "boot\n")
        return place

    def qemu(self, folder):
        line = ["qemu-system-x86_64", "-machine", self.machine.chipset, "-cpu", self.machine.cpu, "-smp", str(self.cpus), "-m", str(self.memory),
                "-display", "none", *(("-serial", "mon:stdio") if self.console else ("-monitor", "none", "-serial", "stdio")), "-no-reboot",
                "-device", "isa-debug-exit,iobase=0xf4,iosize=4", *self.machine.devices]
        if self.icount:
            line += ["-icount", f"shift={self.shift},sleep=off"]
        if self.via == "kernel":
            line += ["-kernel", str(self.kernel), "-append", self.command_line]
            if self.modules:
                line += ["-initrd", ",".join(f"{path} {arguments}".strip().replace(",", ",,") for path, arguments in self.modules)]
        if self.via == "pxe":
            place = self.network(Path(folder) / "tftp")
            line += ["-netdev", f"user,id=net,tftp={place},bootfile=boot.ipxe", "-device", "e1000,netdev=net", "-boot", "n"]
        else:
            line += ["-nic", "none"]
        if self.via in ("mb1", "mb2", "uefi"):
            line += ["-cdrom", str(self.iso(folder)), "-boot", "d"]
        if self.via == "uefi":
            line += ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF}/OVMF_CODE_4M.fd",
                     "-drive", f"if=pflash,format=raw,snapshot=on,file={OVMF}/OVMF_VARS_4M.fd"]
        return line + list(self.extra)

    def bochs(self, folder):
        """Writes bochsrc and a script for the debugger's prompt below folder; serial output goes to folder/serial."""
        folder = Path(folder).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "bochsrc").write_text(BOCHSRC.format(
            what=f"{self.machine.name}, {self.cpus} CPUs", memory=min(self.memory, 1024), cpu=self.machine.cpu, cpus=self.cpus,
            iso=self.iso(folder.parent), serial=folder / "serial", log=folder / "log"))
        (folder / "start").write_text("c\n")
        return ["bochs-bin", "-q", "-f", str(folder / "bochsrc"), "-rc", str(folder / "start")]

    def command(self, folder):
        """The exact command as a list; what it needs is put below folder."""
        return self.bochs(folder) if self.machine.emulator == "bochs" else self.qemu(folder)


def shell(command):
    return " ".join(shlex.quote(str(word)) for word in command)
