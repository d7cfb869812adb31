# SPDX-License-Identifier: GPL-2.0-only
"""Boot images: an ISO that GRUB boots from BIOS and UEFI, with our kernel and modules on it."""
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

# In UEFI machines the BIOS data area names no COM port; GRUB writes the word that a BIOS would.
GRUB = """serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
if [ "$grub_platform" = efi ]; then
    insmod memrw
    write_word 0x400 0x3f8
fi
set timeout=0
menuentry "NOVA-C" {{
    {kernel} /boot/{name} {command_line}
{modules}}}
"""


def grub_config(name, command_line, modules, multiboot):
    """modules: [(file name on the ISO, its command line)]"""
    kernel, module = ("multiboot2", "module2") if multiboot == 2 else ("multiboot", "module")
    lines = "".join(f"    {module} /boot/{file} {arguments}\n" for file, arguments in modules)
    return GRUB.format(kernel=kernel, name=name, command_line=command_line, modules=lines)


def make_iso(output, kernel, modules, command_line="serial", multiboot=2):
    """modules: [(path, command line)]. The first is the root task."""
    output = Path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        boot = Path(place, "boot")
        (boot / "grub").mkdir(parents=True)
        shutil.copy(kernel, boot / "hypervisor")
        named = []
        for number, (path, arguments) in enumerate(modules):
            name = f"{number}-{Path(path).name}"
            shutil.copy(path, boot / name)
            named.append((name, arguments))
        (boot / "grub/grub.cfg").write_text(grub_config("hypervisor", command_line, named, multiboot))
        result = subprocess.run(["grub-mkrescue", "--locales=", "--fonts=", "--themes=", "-o", str(output) + ".part", place],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode:
            raise SystemExit(f"grub-mkrescue could not make {output}:\n{result.stdout}")
    os.replace(str(output) + ".part", output)
    return output


def cached_iso(folder, kernel, modules, command_line="serial", multiboot=2):
    """An ISO below folder, made only when none with the same contents is there."""
    digest = hashlib.sha256(repr((GRUB, command_line, multiboot, [arguments for _, arguments in modules])).encode())
    for path in [kernel] + [path for path, _ in modules]:
        digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / f"{digest.hexdigest()[:16]}.iso"
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not output.exists():
            make_iso(output, kernel, modules, command_line, multiboot)
    return output
