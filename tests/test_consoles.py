# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own devices, seen from outside through QEMU's control socket: log page, scrolling screen, keyboard."""
import json
import re
import socket

import pytest

from emulator import Boot

ARCHS = ["x86_64", "x86_32"]
DONE = r"NOVA-C demo: done"
LOG_PAGE = r"([0-9a-f]{16})-[0-9a-f]{16} +4  kernel log"


class Control:
    """QEMU's control socket (QMP)."""

    def __init__(self, place):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(place))
        self.channel = self.socket.makefile("rw")
        self.channel.readline()
        self("qmp_capabilities")

    def __call__(self, command, **arguments):
        self.channel.write(json.dumps({"execute": command, **({"arguments": arguments} if arguments else {})}))
        self.channel.flush()
        while "return" not in (answer := json.loads(self.channel.readline())):
            assert "error" not in answer, answer

    def memory(self, address, size, place):
        self("pmemsave", val=address, size=size, filename=str(place))
        return place.read_bytes()

    def key(self, name):
        self("send-key", keys=[{"type": "qcode", "data": name}])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()
        self.socket.close()


def boot(start, made, tmp_path, command_line):
    run = start(Boot(kernel=made.elf32, modules=[(made.user("demo"), "demo")], machine="pc", via="kernel", command_line=command_line,
                     extra=("-qmp", f"unix:{tmp_path}/qmp,server=on,wait=off")))
    return run, run.expect


@pytest.mark.parametrize("arch", ARCHS)
def test_log_page(built, start, arch, tmp_path):
    """The page that the HIP names holds all that went over the serial line, from the first line on."""
    run, expect = boot(start, built(arch), tmp_path, "serial logmem")
    address = int(expect(LOG_PAGE)[1], 16)
    expect(DONE)
    with Control(tmp_path / "qmp") as control:
        page = control.memory(address, 4096, tmp_path / "page")
    position = int.from_bytes(page[:4], "little")
    assert 0 < position < 4092
    kept = page[4:4 + position].decode().splitlines()
    sent = [line for line in run.text().replace("\r", "").splitlines() if re.match(r"\[\d+\] ", line)]
    assert kept == sent[:len(kept)] and len(kept) >= 8, run.explain("the log page holds other lines:\n" + "\n".join(kept))


@pytest.mark.parametrize("arch", ARCHS)
def test_screen_scrolls(built, start, arch, tmp_path):
    """More lines than the screen has: the last ones are there, each once and in order."""
    run, expect = boot(start, built(arch), tmp_path, "serial vga " + " ".join(f"strange{n}" for n in range(16)))
    expect(DONE)
    with Control(tmp_path / "qmp") as control:
        data = control.memory(0xb8000, 4000, tmp_path / "screen")
    rows = [bytes(data[160 * row:160 * row + 160:2]).decode("latin-1").rstrip() for row in range(25)]
    shown = [row for row in rows if re.match(r"\[\d+\] ", row)]
    sent = [line.rstrip()[:80] for line in run.text().replace("\r", "").splitlines() if re.match(r"\[\d+\] ", line)]
    assert len(sent) > 22, run.explain("too few lines to scroll")
    # The demo writes to the first row of the same screen.
    assert len(shown) >= 12 and shown[1:] == sent[-len(shown) + 1:], run.explain("the screen shows\n" + "\n".join(rows))


@pytest.mark.parametrize("arch", ARCHS)
def test_keyboard(built, start, arch, tmp_path):
    """keyb: Esc makes the kernel say that it is alive."""
    run, expect = boot(start, built(arch), tmp_path, "serial keyb")
    expect(DONE)
    with Control(tmp_path / "qmp") as control:
        for _ in range(3):
            control.key("a")
            control.key("esc")
            expect(r"keyb: the kernel is alive: 1 CPUs")
