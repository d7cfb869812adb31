# SPDX-License-Identifier: GPL-2.0-only
"""The walls as the linker sees them: symbols of the object files below BUILD/ARCH/obj."""
import re
import subprocess

from .walls import cycle_in, hal_contents

LIBGCC = re.compile(r"^__(u?div|u?mod|u?divmod|mul|ashl|ashr|lshr|neg|cmp|ucmp|ffs|clz|ctz|popcount|bswap|fix|float)\w*[sdt]i[234]$")
RUNTIME = re.compile(r"^__(asan|ubsan|sanitizer|gcov|llvm|sancov)_")
# The compiler may emit calls of these four for its own purposes; they are in core/lib.
COMPILER = {"memcpy", "memset", "memmove", "memcmp", "_GLOBAL_OFFSET_TABLE_"}  # the last: position-independent code of the hosted port


def symbols(path):
    """(defined, undefined) global names of an object file."""
    defined, undefined = set(), set()
    output = subprocess.run(["nm", "-g", str(path)], capture_output=True, text=True, check=True).stdout
    for line in output.splitlines():
        match = re.fullmatch(r"[0-9a-f]*\s+(\w) (\S+)", line)
        if match:
            (undefined if match[1] in "Uwv" else defined).add(match[2])
    return defined, undefined


def ports(tree):
    return sorted(place for place in tree.build.iterdir() if (place / "obj/core").is_dir()) if tree.build and tree.build.is_dir() else []


def hal_symbols(tree):
    """What core needs from outside is declared in hal."""
    functions, upcalls, inlines, _, variables = hal_contents(tree)
    allowed = set(functions) | set(variables) | COMPILER
    problems = []
    if not ports(tree):
        return ["no object files; build first: make -C build ARCH=x86_64"]
    for port in ports(tree):
        defined, undefined = set(), {}
        for path in sorted((port / "obj/core").rglob("*.o")):
            has, needs = symbols(path)
            defined |= has
            for name in needs:
                undefined.setdefault(name, path)
        for name in sorted(set(undefined) - defined - allowed):
            if not RUNTIME.match(name):
                problems.append(f"{port.name}: {undefined[name].relative_to(port / 'obj')} needs '{name}', which hal does not declare")
        for name in sorted(set(upcalls) - defined):
            problems.append(f"{port.name}: upcall '{name}' of hal/upcall.h ({upcalls[name]}) is not defined in core")
    return problems


def object_cycles(tree):
    """No two object files of core need each other's symbols."""
    problems = []
    for port in ports(tree):
        owner, needs = {}, {}
        for path in sorted((port / "obj/core").rglob("*.o")):
            name = str(path.relative_to(port / "obj/core"))[:-2]
            has, needs[name] = symbols(path)
            owner.update(dict.fromkeys(has, name))
        graph = {name: {owner[symbol] for symbol in wanted if symbol in owner} - {name} for name, wanted in needs.items()}
        found = cycle_in(graph)
        if found:
            problems.append(f"{port.name}: these files of core call each other: " + " -> ".join(found))
    return problems


def libgcc(tree):
    """No function of the compiler's library, neither needed nor imitated."""
    problems = []
    for port in ports(tree):
        if port.name == "hosted":
            continue
        for path in sorted((port / "obj").rglob("*.o")):
            has, needs = symbols(path)
            for name in sorted(has | needs):
                if LIBGCC.match(name):
                    problems.append(f"{port.name}: {path.relative_to(port / 'obj')}: '{name}' belongs to libgcc; use div_u64 or a narrower type")
    return problems
