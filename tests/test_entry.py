# SPDX-License-Identifier: GPL-2.0-only
"""An NMI before every instruction of the ways into the kernel and out of it: nothing is lost, and the conformance suite does not notice.

QEMU's gdb stub stops the machine at each of them in turn; the monitor's `nmi` makes the next thing that happens there an NMI."""
import re
import socket
import subprocess
import threading
import time

import pytest

from emulator import Boot


class Stub:
    """The few words of gdb's remote protocol that this takes."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(200):
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                time.sleep(0.05)
        self.data = b""

    def send(self, text):
        self.socket.sendall(b"$" + text.encode() + b"#%02x" % (sum(text.encode()) % 256))

    def answer(self, limit):
        """The next packet; None when none comes in time."""
        end = time.monotonic() + limit
        while not (found := re.match(rb"[^$]*\$([^#]*)#..", self.data, re.S)):
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                more = self.socket.recv(4096)
            except (TimeoutError, ConnectionResetError):
                return None
            if not more:
                return None
            self.data += more
        self.data = self.data[found.end():]
        self.socket.sendall(b"+")
        return found[1].decode()

    def ask(self, text):
        self.send(text)
        while (reply := self.answer(10)) and reply.startswith("O") and reply != "OK":
            pass
        return reply

    def ip(self):
        registers = bytes.fromhex(self.ask("g"))
        return int.from_bytes(registers[16 * 8:17 * 8], "little")

    def go_on(self, limit):
        """Runs until a breakpoint; its address, or None when the machine has ended."""
        self.send("c")
        reply = self.answer(limit)
        return self.ip() if reply and reply[0] in "TS" else None


def entry_code(made):
    """Addresses of the instructions of .text.entry, of all names (trap_kernel and trap_anywhere serve the NMI itself), and of the STI before each SYSEXIT."""
    file = str(made.out / "hypervisor.debug")
    names = {line.split()[2]: int(line.split()[0], 16) for line in subprocess.run(["nm", file], capture_output=True, text=True, check=True).stdout.split("\n")
             if len(line.split()) == 3}
    first = names["entry_syscall" if "entry_syscall" in names else "entry_sysenter"]
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", f"--start-address={first:#x}", f"--stop-address={names['exception_stubs']:#x}", file],
                          capture_output=True, text=True, check=True).stdout
    code = [int(address, 16) for address in re.findall(r"(?m)^ *([0-9a-f]+):\s+(?!nop|xchg +%ax,%ax|data16|cs nop)\S", text)]
    shadows = {int(sysexit, 16): int(sti, 16) for sti, sysexit in re.findall(r"(?m)^ *([0-9a-f]+):\s+sti.*\n *([0-9a-f]+):\s+sysexit", text)}
    return code, names, shadows


@pytest.mark.parametrize("arch", ["x86_64", "x86_32"])
def test_nmi_at_every_instruction(built, start, tmp_path, arch):
    made = built(arch)
    code, names, shadows = entry_code(made)
    assert len(code) > 100 and bool(shadows) == (arch == "x86_32")
    stub_path = tmp_path / "gdb"
    run = start(Boot(kernel=made.elf32, modules=[(made.user("abi"), "abi")], machine="pc", via="kernel", cpus=1, memory=256,
                     extra=("-S", "-chardev", f"socket,path={stub_path},id=gdb,server=on,wait=off", "-gdb", "chardev:gdb")), limit=120)
    stub = Stub(stub_path)
    serves = range(names["trap_anywhere"], names["trap_interrupted_kernel"])
    waiting = {address for address in code if address not in serves}
    for address in waiting | {names["trap_kernel"]}:
        assert stub.ask(f"Z1,{address:x},1") == "OK"
    seen, served, problems = set(), [], []

    def drive():
        problem = visit()
        if problem:
            problems.append(problem)
            stub.send("k")

    def visit():
        again = None  # a breakpoint that is there for a second visit
        while (address := stub.go_on(100)) is not None:
            if address == again:
                stub.ask(f"z1,{address:x},1")
                again = None
                continue
            if address == names["trap_kernel"]:
                served.append(address)
                stub.ask(f"z1,{address:x},1")  # or the next step would stop here again
                stub.ask("s")
                stub.ask(f"Z1,{address:x},1")
                continue
            if address not in waiting:
                return f"stopped at {address:x}"
            if again:
                return f"went on at {address:x} behind an NMI in the shadow of the STI at {again:x}: an interrupt may come there now"
            waiting.remove(address)
            seen.add(address)
            stub.ask(f"z1,{address:x},1")
            if stub.ask("qRcmd," + b"nmi".hex()) != "OK":
                return "the monitor did not take the NMI"
            if address in shadows:
                again = shadows[address]
                stub.ask(f"Z1,{again:x},1")

    driver = threading.Thread(target=drive)  # this thread reads the serial line meanwhile
    driver.start()
    try:
        match = run.expect(r"# abi: (\d+) checks, (\d+) failed")
    finally:
        driver.join()
        assert not problems, run.explain(problems[0])
    assert match[2] == "0", run.explain("\n".join(re.findall(r"(?m)^not ok .*", run.text())))
    # All but what runs only when something is broken, and each was answered at once (32 bit: debug exceptions of the kernel, too).
    print(f"{len(seen)} of {len(seen) + len(waiting)} instructions, {len(served)} entries of the handler")
    assert len(served) >= len(seen) >= 0.8 * (len(seen) + len(waiting)), \
        f"{len(seen)} NMIs, {len(served)} served, never seen: " + " ".join(f"{a:x}" for a in sorted(waiting))
