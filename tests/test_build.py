# SPDX-License-Identifier: GPL-2.0-only
"""The build: what it makes, that it rebuilds what has to be and nothing else, and that the kernel stays small."""
import re
import shutil
import struct
import subprocess

import pytest

from conftest import TOP, make

ARCHS = ["x86_64", "x86_32"]
BUDGET = int(re.search(r"(?m)^BUDGET \?=.*?(\d{6})", (TOP / "build/Makefile").read_text())[1])


@pytest.fixture
def copy(tmp_path):
    """A copy of the sources, so that touching files disturbs nobody."""
    for name in ("Makefile", "build/Makefile", "core", "hal", "include", "platform", "ports", "user"):
        target = tmp_path / "tree" / name
        if (TOP / name).is_dir():
            shutil.copytree(TOP / name, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TOP / name, target)
    return tmp_path / "tree"


def compiled(output):
    return re.findall(r"(?m)^  (?:CC|AS)\s+(\S+)", output)


def build(tree, *arguments):
    return make("-C", str(tree / "build"), "-j2", *arguments).stdout


@pytest.mark.parametrize("arch", ARCHS)
def test_rebuild(copy, arch):
    """Everything once; then nothing; one file for one touched file; the files that include a touched header; all for other flags."""
    assert len(compiled(build(copy, f"ARCH={arch}"))) > 20
    assert compiled(build(copy, f"ARCH={arch}")) == []
    (copy / "core/lib/string.c").touch()
    output = build(copy, f"ARCH={arch}")
    assert compiled(output) == ["core/lib/string.c"] and "LD" in output
    (copy / "core/lib/string.h").touch()
    some = compiled(build(copy, f"ARCH={arch}"))
    assert "core/lib/string.c" in some
    every = compiled(build(copy, f"ARCH={arch}", "CPUS=32"))
    assert len(every) > len(some)
    (copy / "core/new_file.c").write_text("int new_file;\n")
    assert compiled(build(copy, f"ARCH={arch}", "CPUS=32")) == ["core/new_file.c"]
    (copy / "core/new_file.c").unlink()
    assert "LD" in build(copy, f"ARCH={arch}", "CPUS=32")


@pytest.mark.parametrize("arch", ARCHS)
def test_outputs(built, arch):
    made = built(arch)
    word = 2 if arch == "x86_64" else 1
    assert made.kernel.read_bytes()[4] == word and made.debug.read_bytes()[4] == word
    assert subprocess.run(["nm", made.kernel], capture_output=True, text=True).stdout == ""
    assert "kernel_init" in subprocess.run(["nm", made.debug], capture_output=True, text=True).stdout
    if arch == "x86_64":
        elf32 = made.elf32.read_bytes()
        assert elf32[4] == 1 and struct.unpack_from("<H", elf32, 18) == (3,)
    for name in ("demo", "hello"):
        assert made.user(name).read_bytes()[4] == word


def test_install(tmp_path, built):
    built("x86_64")
    make("ARCH=x86_64", "install", f"INS_DIR={tmp_path}/to", cwd=TOP)
    assert sorted(path.name for path in (tmp_path / "to").iterdir()) == ["hypervisor", "hypervisor.debug", "hypervisor.elf32"]
    assert make("ARCH=x86_64", "install", cwd=TOP / "build", check=False).returncode


@pytest.mark.parametrize("where", [".", "build"])
def test_help(where):
    output = make(cwd=TOP / where).stdout
    assert "ARCH=x86_64" in output and "make" in output


def test_unknown_architecture():
    result = make("ARCH=vax", cwd=TOP / "build", check=False)
    assert result.returncode and "vax is not known" in result.stdout


def test_kernel_size(built):
    """Text and read-only data of the 64-bit kernel: within the budget that build/Makefile names."""
    output = subprocess.run(["readelf", "-SW", built("x86_64").debug], capture_output=True, text=True, check=True).stdout
    total = 0
    for line in output.splitlines():
        match = re.match(r"\s*\[\s*\d+\] (\S+)\s+(\S+)\s+\S+\s+\S+\s+(\S+)\s+\S+\s+(\S*)", line)
        if match and match[2] != "NOBITS" and "A" in match[4] and "W" not in match[4]:
            total += int(match[3], 16)
    assert 10000 < total < BUDGET


def test_size_budget_is_enforced(copy):
    result = make("-C", str(copy / "build"), "-j2", "ARCH=x86_64", "BUDGET=1000", check=False)
    assert result.returncode and "over the budget" in result.stdout


@pytest.mark.parametrize("arch", ARCHS)
def test_text_is_not_writable(built, arch):
    """No segment of the kernel is writable and executable."""
    output = subprocess.run(["readelf", "-lW", built(arch).debug], capture_output=True, text=True, check=True).stdout
    loads = re.findall(r"(?m)^\s*LOAD\s+(?:0x\S+\s+){5}(.{3})", output)
    assert loads and not any("W" in flags and "E" in flags for flags in loads), output
