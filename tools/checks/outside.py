# SPDX-License-Identifier: GPL-2.0-only
"""Checks that other programs do: compilers, clang-format, cppcheck, shellcheck, python."""
import os
import subprocess

FORMATTED = ("core", "hal", "platform", "ports", "include", "user", "tests")
FOLDERS = {"x86_64": "unix64", "x86_32": "unix32"}


def run(tree, command, **more):
    result = subprocess.run(command, cwd=tree.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **more)
    return result.returncode, result.stdout.strip()


def report(tree, command, most=40):
    status, output = run(tree, command)
    if status == 0:
        return []
    lines = output.split("\n")
    shown = lines if len(lines) <= most else lines[:most] + [f"... and {len(lines) - most} lines more"]
    return ["$ " + " ".join(command[:6]) + (" ..." if len(command) > 6 else "") + "\n    " + "\n    ".join(shown)]


def format(tree):
    """clang-format leaves every C file as it is."""
    files = tree.files(*FORMATTED, ends=(".c", ".h"))
    return report(tree, ["clang-format", "--dry-run", "-Werror"] + files) if files else []


def cppcheck(tree):
    """cppcheck has nothing to say about the kernel, for either word size."""
    problems = []
    for arch, platform in FOLDERS.items():
        files = tree.files("core", "platform", "ports/x86", f"ports/{arch}", ends=(".c",))
        if files:
            problems += report(tree, ["cppcheck", "-q", "-j", "2", "--enable=warning,performance,portability", "--inline-suppr", "--std=c11",
                                      f"--platform={platform}", "--error-exitcode=1", "--library=posix", "--suppress=missingIncludeSystem",
                                      "-I.", "-Iinclude", "-DNOVA_CPUS=64"] + (["-D__x86_64__"] if arch == "x86_64" else ["-D__i386__"]) + files)
    return problems


def scripts(tree):
    """shellcheck for shell scripts, a syntax check for Python."""
    shell, python = [], []
    for folder in ("tools", "tests", ".ci", "user", "build", "ports"):
        for place, below, names in os.walk(tree.root / folder):
            below[:] = [name for name in below if name not in ("out", "__pycache__")]
            for name in names:
                path = os.path.relpath(os.path.join(place, name), tree.root)
                with open(tree.root / path, errors="replace") as file:
                    first = file.readline()
                if name.endswith(".sh") or (first.startswith("#!") and ("bash" in first or first.rstrip().endswith("/sh"))):
                    shell.append(path)
                elif name.endswith(".py") or (first.startswith("#!") and "python" in first):
                    python.append(path)
    problems = report(tree, ["shellcheck"] + sorted(shell)) if shell else []
    for path in sorted(python):
        try:
            compile((tree.root / path).read_text(), path, "exec")
        except SyntaxError as error:
            problems.append(f"{path}:{error.lineno}: {error.msg}")
    return problems


def builds(tree):
    """Every port builds without a warning with gcc and with clang, and with assertions on. The gcc outputs stay for the symbol checks."""
    problems = []
    for arch in ("x86_64", "x86_32", "hosted"):
        for compiler, debug, out in (("gcc", 0, arch), ("clang", 0, f"clang/{arch}"), ("gcc", 1, f"debug/{arch}")):
            if arch == "hosted" and debug:
                continue
            out = tree.build / out if tree.build else tree.root / "build/out" / out
            problems += report(tree, ["make", "--no-print-directory", "-j2", "-C", "build", f"ARCH={arch}", f"CC={compiler}", f"DEBUG={debug}",
                                      f"OUT={out}"])
    return problems
