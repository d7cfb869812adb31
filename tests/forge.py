# SPDX-License-Identifier: GPL-2.0-only
"""Forged boots: what a boot loader and firmware hand to a kernel, made byte by byte so that each byte can be wrong.

A Forge collects records (bytes and the physical place where they go) and writes the module for tests/loader. The helpers below make
sound Multiboot 1 and 2 information, ACPI tables and ELF files; a case takes one and breaks it.
"""
import struct
import subprocess
from pathlib import Path

MAGIC1, MAGIC2 = 0x2badb002, 0x36d76289
LOADER = 0x8000000               # where tests/loader lies; records stay below
MEMORY = 512 << 20               # what QEMU gets
INFO, STRINGS, LISTS = 0x50000, 0x60000, 0x70000
TABLES = 0x1000000               # ACPI tables
MODULE = 0x2000000               # root task
SPARE = 0x3000000                # more modules
RSDP = 0x9fc00                   # the EBDA's first KiB, where QEMU's BIOS data area points


def u32(*values):
    return struct.pack(f"<{len(values)}I", *(value & 0xffffffff for value in values))


def u64(*values):
    return struct.pack(f"<{len(values)}Q", *(value & (1 << 64) - 1 for value in values))


def padded(data, to=8):
    return data + bytes(-len(data) % to)


def loader(folder):
    """Builds tests/loader."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", "-m32", "-nostdlib", "-static", "-no-pie", f"-Wl,-Ttext={LOADER:#x}", "-Wl,--build-id=none", "-Wl,-z,max-page-size=4096",
                    "-o", folder / "loader", Path(__file__).parent / "loader/loader.S"], check=True)
    return folder / "loader"


class Elf:
    """The fields of an ELF file that loaders read, of either word size; all of them can be changed."""
    HEADER = {1: dict(entry=(24, "I"), phoff=(28, "I"), ehsize=(40, "H"), phentsize=(42, "H"), phnum=(44, "H")),
              2: dict(entry=(24, "Q"), phoff=(32, "Q"), ehsize=(52, "H"), phentsize=(54, "H"), phnum=(56, "H"))}
    SEGMENT = {1: dict(type=(0, "I"), offset=(4, "I"), vaddr=(8, "I"), paddr=(12, "I"), filesz=(16, "I"), memsz=(20, "I"), flags=(24, "I"),
                       align=(28, "I")),
               2: dict(type=(0, "I"), flags=(4, "I"), offset=(8, "Q"), vaddr=(16, "Q"), paddr=(24, "Q"), filesz=(32, "Q"), memsz=(40, "Q"),
                       align=(48, "Q"))}
    COMMON = dict(kind=(16, "H"), machine=(18, "H"), version=(20, "I"))

    def __init__(self, data):
        self.data = bytearray(data)
        self.size = self.data[4]   # 1 = 32 bit, 2 = 64 bit

    def _at(self, name, segment):
        if segment is None:
            return (self.HEADER[self.size] | self.COMMON)[name]
        place, code = self.SEGMENT[self.size][name]
        return self.get("phoff") + segment * self.get("phentsize") + place, code

    def get(self, name, segment=None):
        place, code = self._at(name, segment)
        return struct.unpack_from("<" + code, self.data, place)[0]

    def set(self, name, value, segment=None):
        place, code = self._at(name, segment)
        struct.pack_into("<" + code, self.data, place, value & (1 << 8 * struct.calcsize(code)) - 1)
        return self

    def loads(self):
        return [number for number in range(self.get("phnum")) if self.get("type", number) == 1]


class Forge:
    def __init__(self, kernel):
        self.records = []
        self.top = 0
        elf = Elf(Path(kernel).read_bytes())
        self.entry = elf.get("entry")
        for number in elf.loads():
            start, size = elf.get("offset", number), elf.get("filesz", number)
            place, memory = elf.get("paddr", number), elf.get("memsz", number)
            self.place(place, elf.data[start:start + size], memory)
            if elf.get("vaddr", number) <= elf.get("entry") < elf.get("vaddr", number) + memory:
                self.entry = elf.get("entry") - elf.get("vaddr", number) + place
        self.image_end = self.top
        self.magic, self.info = MAGIC1, INFO

    def place(self, address, data, total=None):
        total = max(len(data), total or 0)
        assert 0 <= address and address + total <= LOADER - 0x1000, f"{address:#x} is the loader's"
        self.records.append((address, bytes(data), total))
        self.top = max(self.top, address + total)
        return address

    def write(self, path):
        parts = [u32(0x4745524f, self.entry, self.magic, self.info, len(self.records))]
        for address, data, total in self.records:
            parts += [u32(address, len(data), total), padded(data, 4)]
        Path(path).write_bytes(b"".join(parts))


# ---- Multiboot ---------------------------------------------------------------------------------------------------------------

DEFAULT_MAP = [(0, 0x9fc00, 1), (0x9fc00, 0x400, 2), (0xf0000, 0x10000, 2), (0x100000, MEMORY - 0x100000 - 0x20000, 1),
               (MEMORY - 0x20000, 0x20000, 2)]


def multiboot1(forge, line="serial", modules=((MODULE, 0, "root"),), memory=None, changes=None, map_bytes=None):
    """modules: (start, end, text or address of it). changes: {offset in the structure: u32}."""
    forge.magic = MAGIC1
    info = bytearray(116)
    text = STRINGS

    def string(value):
        nonlocal text
        data = value if isinstance(value, bytes) else value.encode() + b"\0"
        place = forge.place(text, data)
        text += len(padded(data, 16))
        return place

    struct.pack_into("<I", info, 0, 1 | 1 << 2 | 1 << 3 | 1 << 6)
    struct.pack_into("<II", info, 4, 639, (MEMORY >> 10) - 1024 - 128)
    struct.pack_into("<I", info, 16, string(line))
    entries = b"".join(u32(start, end, string(name) if isinstance(name, (str, bytes)) else name, 0) for start, end, name in modules)
    struct.pack_into("<II", info, 20, len(modules), forge.place(LISTS, entries))
    if map_bytes is None:
        map_bytes = b"".join(u32(20) + u64(start, size) + u32(kind) for start, size, kind in memory or DEFAULT_MAP)
    struct.pack_into("<II", info, 44, len(map_bytes), forge.place(LISTS + len(padded(entries, 16)), map_bytes))
    for offset, value in (changes or {}).items():
        struct.pack_into("<I", info, offset, value & 0xffffffff)
    forge.place(forge.info, info)


def tag(kind, data, size=None):
    return padded(u32(kind, 8 + len(data) if size is None else size) + data)


def line_tag(text="serial"):
    return tag(1, text.encode() + b"\0")


def module_tag(start, end, text="root"):
    return tag(3, u32(start, end) + text.encode() + b"\0")


def map_tag(memory=None, entry_size=24):
    return tag(6, u32(entry_size, 0) + b"".join(u64(start, size) + u32(kind, 0) for start, size, kind in memory or DEFAULT_MAP))


END = tag(0, b"")


def multiboot2(forge, tags, total=None):
    forge.magic = MAGIC2
    data = b"".join(tags)
    forge.place(forge.info, u32(8 + len(data) if total is None else total, 0) + data)


# ---- ACPI --------------------------------------------------------------------------------------------------------------------

def checksummed(data, at, length=None):
    data = bytearray(data)
    data[at] = 0
    data[at] = -sum(data[:length]) & 0xff
    return bytes(data)


def sdt(signature, body, length=None, good=True, revision=1):
    """A system description table; length: what its header claims."""
    size = 36 + len(body)
    data = signature + u32(size if length is None else length) + bytes([revision, 0]) + b"FORGED" + b"TEST    " + u32(1) + b"TEST" + u32(1) + body
    data = checksummed(data, 9, min(size, size if length is None else length))
    return data if good else data[:9] + bytes([data[9] ^ 0x55]) + data[10:]


def rsdp(rsdt, xsdt=0, revision=0, good=True, length=36):
    data = checksummed(b"RSD PTR \0FORGED" + bytes([revision]) + u32(rsdt), 8)
    if revision >= 2:
        data = checksummed(data + u32(length) + u64(xsdt) + bytes(4), 32)
    return data if good else data[:8] + bytes([data[8] ^ 0x55]) + data[9:]


def lapic(uid, apic, flags=1):
    return bytes([0, 8, uid, apic]) + u32(flags)


def ioapic(number=0, address=0xfec00000, base=0):
    return bytes([1, 12, number, 0]) + u32(address, base)


def override(source, gsi, flags=0):
    return bytes([2, 10, 0, source]) + u32(gsi) + struct.pack("<H", flags)


def x2apic(apic, uid, flags=1):
    return bytes([9, 16, 0, 0]) + u32(apic, flags, uid)


MADT_ENTRIES = [lapic(0, 0), ioapic(), override(0, 2)]


def madt(entries=None, **more):
    return sdt(b"APIC", u32(0xfee00000, 1) + b"".join(MADT_ENTRIES if entries is None else entries), revision=3, **more)


def fadt(pm_timer=0x608, size=244):
    body = bytearray(244 - 36)
    struct.pack_into("<I", body, 76 - 36, pm_timer)
    struct.pack_into("<I", body, 64 - 36, pm_timer - 4)
    body[88 - 36], body[91 - 36] = 2, 4
    struct.pack_into("<H", body, 109 - 36, 1)
    return sdt(b"FACP", bytes(body[:size - 36]), revision=1)


def acpi(forge, tables=None, root=b"RSDT", pointers=None, root_length=None, good_root=True, good_rsdp=True):
    """Places tables and a root table that lists them; returns the RSDP. pointers: instead of the tables' addresses."""
    place, addresses = TABLES + 0x1000, []
    for table in [madt(), fadt()] if tables is None else tables:
        addresses.append(forge.place(place, table))
        place += len(padded(table, 4096))
    listed = addresses if pointers is None else pointers(addresses)
    body = u64(*listed) if root == b"XSDT" else u32(*listed)
    forge.place(TABLES, sdt(root, body, root_length, good_root))
    return rsdp(0 if root == b"XSDT" else TABLES, TABLES if root == b"XSDT" else 0, 2 if root == b"XSDT" else 0, good_rsdp)
