# SPDX-License-Identifier: GPL-2.0-only
"""The checker itself: each check is red on a small bad tree and green on the good one that it differs from."""
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
GPL = "/* SPDX-License-Identifier: GPL-2.0-only */\n/*\n * Test.\n */\n"
MIT = GPL.replace("GPL-2.0-only", "MIT")

GOOD = {
    "include/nova/word.h": MIT + "typedef unsigned long nova_word;\nstruct hip {\n    int tsc_khz;\n};\n",
    "hal/cpu.h": GPL + "#include <nova/word.h>\n/* Any context; rdmsr in a comment is fine. */\nunsigned cpu_number(void);\n",
    "hal/upcall.h": GPL + "/* Once. */\nvoid kernel_init(void);\n",
    "core/low.h": GPL + "int low(void);\n",
    "core/low.c": GPL + '#include "core/low.h"\n#include "hal/cpu.h"\nint low(void) { return (int)cpu_number(); }\n',
    "core/high.c": GPL + '#include "core/low.h"\n#include "hal/upcall.h"\n#include <stdint.h>\nvoid kernel_init(void) { low(); }\n',
    "core/FLOORS": "# bottom first\nlow\nhigh\n",
    "platform/pic.c": GPL + '#include "hal/cpu.h"\nstatic int x;\n',
    "ports/x86_64/paging.c": GPL + '#include "ports/x86/msr.h"\n',
    "ports/x86/msr.h": GPL + "int msr;\n",
    "tools/fine.sh": "#!/bin/sh\necho \"$1\"\n",
}


def write(root, files):
    for name, text in files.items():
        if text is not None:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)


def check(root, name, build=None):
    command = [sys.executable, str(TOP / "tools/check"), "--root", str(root), name] + (["--build", str(build)] if build else [])
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return result.returncode, result.stdout + result.stderr


TEXT_CHECKS = ["includes", "words", "floors", "externs", "hal-width", "hal-docs", "spdx", "length", "format", "scripts", "cppcheck"]

BAD = [
    ("includes", {"core/low.c": GPL + '#include "platform/pic.h"\n'}, "core/low.c:5: platform/pic.h is not open to core"),
    ("includes", {"core/low.c": GPL + '#include "ports/x86/msr.h"\n'}, "core/low.c:5"),
    ("includes", {"core/low.c": GPL + '#include "../platform/pic.h"\n'}, "climbs out"),
    ("includes", {"core/low.c": GPL + "#include <stdio.h>\n"}, "header of the host"),
    ("includes", {"core/low.c": GPL + '#include "nova/word.h"\n'}, "angle brackets"),
    ("includes", {"core/low.c": GPL + '  #  include "ports/x86/msr.h"\n'}, "core/low.c:5"),
    ("includes", {"hal/cpu.h": GPL + '#include "core/low.h"\n'}, "not open to hal"),
    ("includes", {"hal/cpu.h": GPL + '#include "ports/x86/msr.h"\n'}, "not open to hal"),
    ("includes", {"hal/cpu.h": GPL + '#include "platform/pic.h"\n'}, "not open to hal"),
    ("includes", {"ports/x86_64/paging.c": GPL + '#include "ports/x86_32/paging.h"\n'}, "not open to ports/x86_64"),
    ("includes", {"ports/x86_32/paging.c": GPL + '#include "ports/x86_64/paging.h"\n'}, "not open to ports/x86_32"),
    ("includes", {"ports/x86/msr.h": GPL + '#include "ports/x86_64/paging.h"\n'}, "not open to ports/x86;"),
    ("includes", {"platform/pic.c": GPL + '#include "ports/x86/msr.h"\n'}, "not open to platform"),
    ("includes", {"platform/pic.c": GPL + '#include "core/low.h"\n'}, "not open to platform"),
    ("includes", {"include/nova/word.h": MIT + '#include "hal/cpu.h"\n'}, "not open to include/nova"),
    ("words", {"core/low.c": GPL + "int f(void) { return read_cr3(); }\n"}, "core/low.c:5: 'read_cr3'"),
    ("words", {"core/low.c": GPL + "int f(void) { return rdmsr(1); }\n"}, "'rdmsr'"),
    ("words", {"core/low.c": GPL + "#ifdef __x86_64__\n#endif\n"}, "#if on an architecture"),
    ("words", {"core/low.c": GPL + "#if UINTPTR_MAX > 0xffffffffu\n#endif\n"}, "#if on an architecture"),
    ("words", {"core/low.c": GPL + "int f(void) { return tsc_now(); }\n"}, "'tsc_now'"),
    ("words", {"hal/cpu.h": GPL + "void outb(int port, int value);\n"}, "hal/cpu.h:5: 'outb'"),
    ("floors", {"core/FLOORS": None, "core/low.c": GPL + '#include "core/low.h"\n#include "core/high.h"\n',
                "core/high.h": GPL + '#include "core/low.h"\n'}, "need each other: high -> low -> high"),
    ("floors", {"core/FLOORS": "high\nlow\n"}, "high (floor 1) uses low (floor 2)"),
    ("floors", {"core/FLOORS": "low high\n"}, "high (floor 1) uses low (floor 1)"),
    ("floors", {"core/FLOORS": "low\n"}, "high has no floor"),
    ("floors", {"core/FLOORS": "low\ngone\nhigh\n"}, "gone is not in core"),
    ("externs", {"core/low.c": GPL + "extern int high(void);\n"}, "core/low.c:5"),
    ("hal-width", {"hal/cpu.h": GPL + "".join(f"void f{n}(int (*g)(int), int a);\n" for n in range(46))}, "46 functions, at most 45"),
    ("hal-width", {"hal/vm.h": GPL + "struct vm_ops {\n" + "".join(f"    void *(*f{n})(int);\n" for n in range(13)) + "};\n"}, "13 operations"),
    ("hal-width", {"hal/cpu.c": GPL}, "hal holds headers only"),
    ("hal-docs", {"hal/cpu.h": GPL + "\nunsigned cpu_number(void);\n"}, "cpu_number has no comment"),
    ("hal-docs", {"hal/upcall.h": GPL + "/* Once. */\nvoid kernel_init(void);\n\nstatic inline int f(void)\n{\n    return 1;\n}\n"}, "f has no comment"),
    ("spdx", {"core/low.c": "int x;\n"}, "core/low.c:1"),
    ("spdx", {"core/low.c": MIT}, "GPL-2.0-only"),
    ("spdx", {"include/nova/word.h": GPL}, "MIT"),
    ("spdx", {"core/low.c": GPL.split("\n")[0] + "\nint x;\n"}, "core/low.c:2: say in a comment"),
    ("length", {"core/low.c": GPL + "int x;\n" * 597}, "601 lines"),
    ("format", {"core/low.c": GPL + "int  low( void );\n"}, "core/low.c:5"),
    ("scripts", {"tools/fine.sh": "#!/bin/sh\necho $1\n"}, "SC2086"),
    ("scripts", {"tools/tool": "#!/usr/bin/python3\nif:\n"}, "tools/tool:2"),
    ("cppcheck", {"core/low.c": GPL + "int low(int i) { int a[2]; a[0] = a[1] = i; return a[2]; }\n"}, "out of bounds"),
]


@pytest.fixture
def tree(tmp_path):
    write(tmp_path, GOOD)
    (tmp_path / ".clang-format").write_text((TOP / ".clang-format").read_text())
    return tmp_path


@pytest.mark.parametrize("name", TEXT_CHECKS)
def test_good_tree(tree, name):
    status, output = check(tree, name)
    assert status == 0, output


@pytest.mark.parametrize("name,files,expected", BAD, ids=[f"{row[0]}-{number}" for number, row in enumerate(BAD)])
def test_bad_tree(tree, name, files, expected):
    for gone in (file for file, text in files.items() if text is None):
        (tree / gone).unlink()
    write(tree, files)
    status, output = check(tree, name)
    assert status == 1 and expected in output, output


# ---- checks on object files ----------------------------------------------------------------------------------------------------

OBJECTS_GOOD = {
    "low": "unsigned cpu_number(void); int low(void); int low(void) { return cpu_number(); }",
    "high": "int low(void); void kernel_init(void); void kernel_init(void) { low(); }",
}
OBJECTS_BAD = [
    ("hal-symbols", {"low": OBJECTS_GOOD["low"] + "int apic(void); int use(void); int use(void) { return apic(); }"}, "needs 'apic'"),
    ("hal-symbols", {"high": "int other;"}, "upcall 'kernel_init'"),
    ("object-cycles", {"low": "void kernel_init(void); int low(void); int low(void) { kernel_init(); return 0; }"}, "high -> low -> high"),
    ("libgcc", {"low": OBJECTS_GOOD["low"] + "long long d(long long a, long long b); long long d(long long a, long long b) { return a / b; }"},
     "__divdi3"),
]


def compile_objects(root, sources):
    place = root / "build/out/x86_32/obj/core"
    place.mkdir(parents=True)
    for name, text in sources.items():
        (root / f"{name}.c").write_text(text)
        subprocess.run(["gcc", "-m32", "-O1", "-ffreestanding", "-fno-pic", "-c", "-o", place / f"{name}.o", root / f"{name}.c"], check=True)


@pytest.mark.parametrize("name", ["hal-symbols", "object-cycles", "libgcc"])
def test_good_objects(tree, name):
    compile_objects(tree, OBJECTS_GOOD)
    status, output = check(tree, name, tree / "build/out")
    assert status == 0, output


@pytest.mark.parametrize("name,sources,expected", OBJECTS_BAD, ids=[f"{row[0]}-{number}" for number, row in enumerate(OBJECTS_BAD)])
def test_bad_objects(tree, name, sources, expected):
    compile_objects(tree, {**OBJECTS_GOOD, **sources})
    status, output = check(tree, name, tree / "build/out")
    assert status == 1 and expected in output, output


def test_bad_build(tree):
    """A warning, here for an unused variable, fails the build check."""
    write(tree, {"build/Makefile": (TOP / "build/Makefile").read_text(), "core/low.c": GPL + "static int unused;\n"})
    status, output = check(tree, "builds")
    assert status == 1 and "unused" in output, output
