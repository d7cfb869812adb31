# SPDX-License-Identifier: GPL-2.0-only
"""The source tree as checks see it: its files, their text without comments, their #include lines."""
import os
import re
from pathlib import Path

SKIP = {".git", "out", "__pycache__", ".pytest_cache"}
COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.M)


class Tree:
    """A source tree. `build` is where its build outputs are (a folder with ARCH/obj below), or None."""

    def __init__(self, root, build=None):
        self.root = Path(root)
        self.build = Path(build) if build else None
        self.notes = []
        self._bare = {}

    def note(self, text):
        self.notes.append(text)

    def files(self, *folders, ends=(".c", ".h", ".S")):
        """Paths relative to the root, sorted, below the folders."""
        found = []
        for folder in folders:
            for place, folders_below, names in os.walk(self.root / folder):
                folders_below[:] = [name for name in folders_below if name not in SKIP]
                found += [os.path.relpath(os.path.join(place, name), self.root) for name in names if name.endswith(tuple(ends))]
        return sorted(set(found))

    def text(self, path):
        return (self.root / path).read_text(errors="replace")

    def bare(self, path):
        """The text with comments blanked out; line numbers and strings stay."""
        if path not in self._bare:
            def blank(match):
                return match[0] if match[0][0] in "\"'" else re.sub(r"[^\n]", " ", match[0])
            text = COMMENT_OR_STRING.sub(blank, self.text(path))
            if path.endswith(".S"):  # also `# comment` of the assembler, never at the start of a line (that is the preprocessor)
                text = re.sub(r"(?m)(?<=\S)[ \t]+#[ \t].*$", "", text)
            self._bare[path] = text
        return self._bare[path]

    def includes(self, path):
        """(line number, name, quoted?) for each #include."""
        text = self.bare(path)
        for match in INCLUDE.finditer(text):
            yield text.count("\n", 0, match.start()) + 1, match[1] or match[2], match[1] is not None


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def declarations(text):
    """The functions that a header without comments declares: (declared only, defined inline, members of *_ops tables, variables)."""
    text = re.sub(r"(?m)^[ \t]*#(?:[^\n\\]|\\.|\\\n)*$", "", text)
    tables = {}
    for match in re.finditer(r"\bstruct\s+(\w*_ops)\s*\{(.*?)\n\}", text, re.S):
        tables[match[1]] = re.findall(r"\(\s*\*\s*(\w+)\s*\)\s*\(", match[2])
    variables = re.findall(r"\bextern\s+(?!\"C\")[^;(){}]*?\b(\w+)\s*(?:\[[^]]*\]\s*)*;", text)
    depth, flat = 0, []
    for piece in re.split(r"([{};])", text):  # keep the top level; a block becomes "{}"
        if piece == "{":
            flat.append("{" if depth == 0 else "")
            depth += 1
        elif piece == "}":
            depth -= 1
            flat.append("}\n" if depth == 0 else "")
        elif depth == 0:
            flat.append(piece)
    declared, inline = [], []
    text = re.sub(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)|_Static_assert\s*\([^;]*;", " ", "".join(flat))
    for match in re.finditer(r"([\w\s*]+?)\b(\w+)\s*\(((?:[^(){};]|\((?:[^()]|\([^()]*\))*\))*)\)\s*(;|\{)", text):
        if not match[1].strip() or re.match(r"\s*(typedef|return)\b", match[1]):
            continue
        (declared if match[4] == ";" else inline).append(match[2])
    return declared, inline, tables, variables
