# SPDX-License-Identifier: GPL-2.0-only
"""A running machine: starts an emulator, reads its serial line, and says clearly what went wrong.

Every machine has a time limit from its start. A wait that fails shows the last 40 lines of the serial line and the exact command that
repeats the boot by hand.
"""
import os
import re
import select
import shlex
import subprocess
import time
from pathlib import Path

import pexpect
import pexpect.fdpexpect

LIMIT = {"qemu": 60, "bochs": 240}  # seconds from start to the last line that a test waits for
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
NOISE = re.compile(r"qemu-system-x86_64: warning: TCG doesn't support requested feature.*\n")
LINE_END = r"[^\r\n]*[\r\n]"
FATAL = "FATAL: " + LINE_END


class BootFailure(AssertionError):
    pass


class Running:
    """One machine. expect(pattern) waits for a line; everything ends with close()."""

    def __init__(self, boot, folder, limit=None):
        self.boot, self.folder = boot, Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.limit = limit or LIMIT[boot.machine.emulator]
        self.command = boot.command(self.folder)
        self.log = open(self.folder / "log.txt", "w", encoding="utf-8", errors="replace")
        self.process = None
        self.deadline = time.monotonic() + self.limit
        (self._start_bochs if boot.machine.emulator == "bochs" else self._start_qemu)()
        self.serial.logfile_read = self.log

    def _start_qemu(self):
        self.serial = pexpect.spawn(self.command[0], self.command[1:], encoding="utf-8", codec_errors="replace", echo=False, timeout=self.limit)
        self.serial.delaybeforesend = None

    def _start_bochs(self):
        # The serial line is a pipe here and a plain file when a person repeats the command.
        pipe = self.folder / "serial"
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        with open(self.folder / "console", "w") as console:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        # An end of file counts only after Bochs has opened its side; without a writer the pipe never becomes readable.
        while not select.select([reader], [], [], 0.05)[0] and self.process.poll() is None and time.monotonic() < self.deadline:
            pass
        self.serial = pexpect.fdpexpect.fdspawn(reader, encoding="utf-8", codec_errors="replace", timeout=self.limit)

    def expect(self, pattern, fatal=False):
        """Waits for a line that contains the regular expression and for its end; returns the match. A fatal line of the kernel ends the wait, unless it is what one waits for."""
        patterns = [pexpect.EOF, pexpect.TIMEOUT, f"(?:{pattern}){LINE_END}"] + ([] if fatal else [FATAL])
        try:
            index = self.serial.expect(patterns, timeout=max(0.1, self.deadline - time.monotonic()))
        except OSError:  # the terminal of a dead QEMU
            index = 0
        if index == 2:
            return self.serial.match
        why = {0: "the machine stopped, reset, or ended before it printed", 1: f"in {self.limit} seconds the machine did not print",
               3: "the kernel stopped with a fatal message instead of"}[index]
        raise BootFailure(self.explain(f"{why}: {pattern}"))

    def still_running(self, seconds):
        """The machine neither ends nor resets nor prints another fatal line for so long (for a kernel that has stopped on purpose)."""
        index = self.serial.expect([pexpect.EOF, FATAL, pexpect.TIMEOUT], timeout=seconds)
        if index != 2:
            raise BootFailure(self.explain("after its fatal message the kernel has to stand still, not " + ("end" if index == 0 else "go on")))

    def ended(self):
        """Waits until the machine has ended by itself (what a plugin of QEMU writes then is complete)."""
        try:
            index = self.serial.expect([pexpect.EOF, pexpect.TIMEOUT, FATAL], timeout=max(0.1, self.deadline - time.monotonic()))
        except OSError:
            index = 0
        if index:
            raise BootFailure(self.explain(f"in {self.limit} seconds the machine did not end"))
        self.serial.close()

    def text(self):
        self.log.flush()
        return NOISE.sub("", ESCAPE.sub("", (self.folder / "log.txt").read_text(errors="replace")))

    def explain(self, what):
        lines = [line for line in self.text().split("\n") if line.strip()]
        parts = [what, f"--- last lines of the serial line ({self.folder / 'log.txt'})", *lines[-40:]]
        if self.boot.machine.emulator == "bochs":
            parts += ["--- last lines of Bochs", *(self.folder / "console").read_text(errors="replace").split("\n")[-6:]]
        return "\n".join(parts + ["--- repeat it by hand:", self.by_hand()])

    def by_hand(self):
        command = " ".join(shlex.quote(word) for word in self.command)
        if self.boot.machine.emulator == "bochs":
            return f"rm -f {self.folder}/serial; timeout {self.limit} {command} </dev/null; cat {self.folder}/serial"
        return f"timeout --foreground {self.limit} {command}"

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            os.close(self.serial.child_fd)
            (self.folder / "serial").unlink(missing_ok=True)
        else:
            self.serial.close(force=True)
        self.log.close()
