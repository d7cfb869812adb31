# SPDX-License-Identifier: GPL-2.0-only
"""The walls between folders, as far as they show in the source text."""
import re

from .source import declarations, line_of

STANDARD = {"stddef.h", "stdint.h", "stdarg.h", "stdbool.h", "limits.h"}

# Folder -> what its files may include. The longest folder that fits a file counts.
MAY_INCLUDE = {
    "include/nova": ("nova/",),
    "core": ("core/", "hal/", "nova/"),
    "hal": ("hal/", "nova/"),
    "platform": ("platform/", "hal/", "core/lib/", "nova/"),
    "ports/x86": ("ports/x86/", "platform/", "hal/", "core/lib/", "nova/"),
    "ports/x86_32": ("ports/x86_32/", "ports/x86/", "platform/", "hal/", "core/lib/", "nova/"),
    "ports/x86_64": ("ports/x86_64/", "ports/x86/", "platform/", "hal/", "core/lib/", "nova/"),
}
KERNEL = ("core", "hal", "platform", "ports/x86", "ports/x86_32", "ports/x86_64")

# Never in core or hal, also not as a part of an identifier (read_cr3).
NEVER = """i386 x86 amd64 ia32 cr0 cr1 cr2 cr3 cr4 cr8 msr rdmsr wrmsr vmcs vmcb lapic ioapic x2apic outb inb outw inw outl inl
    tss idt gdt ldt cpuid invlpg invpcid syscall sysenter sysexit sysret iret iretq eflags rflags ept npt vpid asid rax rsp rip eax esp eip
    rdtsc pae pcid smep smap rdi rsi""".split()
# Only as a name of include/nova (hip->tsc_khz). hal may also name the ids that firmware gives to CPUs.
ONLY_INTERFACE = "tsc vmx svm acpi apic mtrr pat xsave fxsave".split()
HAL_MAY = {"apic", "acpi"}
ARCHITECTURE = re.compile(r"__i386__|__x86_64__|__amd64__|i386|x86|_LP64|__LP64__|UINTPTR_MAX|SIZEOF_POINTER|NOVA_WORD_BITS|__WORDSIZE|ARCH")

HAL_FUNCTIONS, HAL_TABLE = 45, 12
LINES = 400


def folder_of(path, folders):
    return max((folder for folder in folders if path.startswith(folder + "/")), key=len, default=None)


def includes(tree):
    """What a folder may include, and that kernel code includes no header of the host."""
    problems = []
    for path in tree.files(*MAY_INCLUDE):
        folder = folder_of(path, MAY_INCLUDE)
        for line, name, quoted in tree.includes(path):
            place = f"{path}:{line}"
            if quoted and name == "offsets.h" and path.endswith(".S"):
                continue
            # What both ports have under one name (layout.h) is an interface to the code that they share; build/Makefile picks the one.
            if quoted and folder == "ports/x86" and all((tree.root / port / name).exists() for port in ("ports/x86_32", "ports/x86_64")):
                continue
            if ".." in name.split("/"):
                problems.append(f"{place}: #include \"{name}\" climbs out of its folder; name the header from the top")
            elif name in STANDARD and not quoted:
                continue
            elif name.startswith("nova/") != (not quoted) and (quoted or "/" in name):
                problems.append(f"{place}: {name}: <nova/...> takes angle brackets, headers of this tree take quotes")
            elif not name.startswith(MAY_INCLUDE[folder]):
                what = "is a header of the host" if not quoted else f"is not open to {folder}"
                problems.append(f"{place}: {name} {what}; allowed: {' '.join(MAY_INCLUDE[folder])} and {' '.join(sorted(STANDARD))}")
    return problems


def words(tree):
    """No architecture words and no #if on an architecture in core and hal."""
    interface = set()
    for path in tree.files("include/nova"):
        interface.update(re.findall(r"[A-Za-z_]\w*", tree.bare(path)))
    problems = []
    for path in tree.files("core", "hal"):
        for number, line in enumerate(tree.bare(path).split("\n"), 1):
            if re.match(r"\s*#\s*(if|ifdef|ifndef|elif)\b", line) and ARCHITECTURE.search(line):
                problems.append(f"{path}:{number}: #if on an architecture: {line.strip()}")
                continue
            for name in re.findall(r"[A-Za-z_]\w*", line):
                parts = set(re.split(r"_+", name.lower())) | {name.lower()}
                hit = parts & set(NEVER) if not name.startswith("NOVA_") else set()
                if not hit and name not in interface:
                    hit = parts & set(ONLY_INTERFACE) - (HAL_MAY if path.startswith("hal/") else set())
                if hit:
                    problems.append(f"{path}:{number}: '{name}' is a word of one architecture ({', '.join(sorted(hit))})")
    return problems


def unit(path):
    """core/lib/list.h and core/lib/list.c are one unit: lib/list."""
    return re.sub(r"\.[chS]$", "", path.split("/", 1)[1])


def cycle_in(graph):
    """One cycle of the graph as a list of nodes, or None."""
    state, stack = {}, []

    def visit(node):
        state[node] = 1
        stack.append(node)
        for target in sorted(graph.get(node, ())):
            if state.get(target) == 1:
                return stack[stack.index(target):] + [target]
            if target not in state:
                found = visit(target)
                if found:
                    return found
        state[node] = 2
        stack.pop()
        return None

    for node in sorted(graph):
        if node not in state:
            found = visit(node)
            if found:
                return found
    return None


def floors(tree):
    """No two files of core need each other; with core/FLOORS (bottom first, one floor a line) each uses only what is below it."""
    graph, problems = {}, []
    for path in tree.files("core"):
        graph.setdefault(unit(path), set())
        for line, name, quoted in tree.includes(path):
            if quoted and name.startswith("core/") and unit(name) != unit(path):
                graph[unit(path)].add(unit(name))
    found = cycle_in(graph)
    if found:
        problems.append("core: these files need each other: " + " -> ".join(found))
    plan = tree.root / "core/FLOORS"
    if plan.exists():
        height = {}
        for number, line in enumerate(plan.read_text().split("\n"), 1):
            for name in re.split(r"[\s,]+", line.split("#")[0].strip()):
                if name:
                    name = re.sub(r"\.[chS]$", "", name)
                    if name in height:
                        problems.append(f"core/FLOORS:{number}: {name} is named twice")
                    height[name] = number
        for name in sorted(graph):
            if name not in height:
                problems.append(f"core/FLOORS: {name} has no floor; add it")
            for target in sorted(graph[name]):
                if height.get(target, 0) >= height.get(name, 1 << 30):
                    problems.append(f"core: {name} (floor {height[name]}) uses {target} (floor {height[target]}); only floors below")
        for name in sorted(set(height) - set(graph)):
            problems.append(f"core/FLOORS: {name} is not in core; take it out")
    return problems


def hal_contents(tree):
    """All that hal/*.h declares: functions a port provides, upcalls, inline functions, operation tables, variables."""
    functions, upcalls, inlines, tables, variables = {}, {}, [], {}, []
    for path in tree.files("hal", ends=(".h",)):
        declared, inline, ops, extern = declarations(tree.bare(path))
        target = upcalls if path.endswith("/upcall.h") else functions
        target.update({name: path for name in declared if name not in inline})
        inlines += inline
        tables.update(ops)
        variables += extern
    return functions, upcalls, inlines, tables, variables


def hal_width(tree):
    """How much a port has to provide."""
    functions, upcalls, inlines, tables, _ = hal_contents(tree)
    entries = sum(len(names) for names in tables.values())
    tree.note(f"HAL: {len(functions)} functions (at most {HAL_FUNCTIONS}), table of {entries} operations (at most {HAL_TABLE}), "
              f"{len(upcalls)} upcalls, {len(inlines)} inline helpers in hal itself")
    problems = []
    if len(functions) > HAL_FUNCTIONS:
        problems.append(f"hal: {len(functions)} functions, at most {HAL_FUNCTIONS}: {' '.join(sorted(functions))}")
    if entries > HAL_TABLE:
        problems.append(f"hal: {entries} operations in tables, at most {HAL_TABLE}: {tables}")
    for path in tree.files("hal", ends=(".c", ".S")):
        problems.append(f"{path}: hal holds headers only")
    return problems


def hal_docs(tree):
    """Each function of hal says who calls it, in what context, and what it guarantees: a comment above it or its group."""
    problems = []
    functions, upcalls, inlines, _, _ = hal_contents(tree)
    for path in tree.files("hal", ends=(".h",)):
        for paragraph in re.split(r"\n[ \t]*\n", tree.text(path)):
            first = re.search(r"/\*|//", paragraph)
            for match in re.finditer(r"(?m)^[^#/*\s{}][^;={}/]*?\b(\w+)\(", paragraph):
                name = match[1]
                if (name in functions or name in upcalls or name in inlines) and not (first and first.start() < match.start()):
                    problems.append(f"{path}: {name} has no comment above it or its group")
    return problems


def spdx(tree):
    """Each file opens with the licence of its folder; C files then say what they are for."""
    problems = []
    for path in tree.files("core", "hal", "platform", "ports", "include", "user", "tests", "build",
                           ends=(".c", ".h", ".S", ".ld", ".py", ".mk", "Makefile")):
        lines = tree.text(path).split("\n")
        licence = "MIT" if path.startswith(("include/nova/", "user/lib/")) else "GPL-2.0-only"
        if lines[0].startswith("#!"):
            lines = lines[1:]
        if not re.fullmatch(rf"(/\*|#|//) SPDX-License-Identifier: {re.escape(licence)}( \*/)?", lines[0]):
            problems.append(f"{path}:1: the first line has to be /* SPDX-License-Identifier: {licence} */")
        elif path.endswith((".c", ".h", ".S")) and path.startswith(KERNEL) and not (len(lines) > 1 and lines[1].startswith("/*")):
            problems.append(f"{path}:2: say in a comment of two to eight lines what this file is for, its invariants, its locks")
    return problems


def length(tree):
    """One subject a file."""
    problems = []
    for path in tree.files("core", "hal", "platform", "ports", "include", "user", "tests", "tools", ends=(".c", ".h", ".S", ".py")):
        lines = tree.text(path).count("\n")
        if lines > LINES:
            problems.append(f"{path}: {lines} lines, at most {LINES}; split it by subject")
    return problems


def externs(tree):
    """Functions of another file are declared in headers, where the include rules see them."""
    problems = []
    for path in tree.files("core", ends=(".c",)):
        text = tree.bare(path)
        for match in re.finditer(r"(?m)^[ \t]*extern\b.*$", text):
            problems.append(f"{path}:{line_of(text, match.start())}: declare it in the header of the file that has it: {match[0].strip()}")
    return problems
