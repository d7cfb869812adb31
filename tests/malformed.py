# SPDX-License-Identifier: GPL-2.0-only
"""The table of malformed boots. A row: name, what to forge, and how the kernel has to answer.

fatal(pattern): a line `FATAL: ...pattern...`, after which the kernel stands still. boots(pattern): the root task runs; if there is a
pattern, the boot log has it (what was ignored is named). ends(pattern): the root task cannot run; the kernel says so and lives. Rows are functions of a Scene: kernel, hello program, and what they add.
"""
from dataclasses import dataclass, field

import forge as f
from forge import Elf, Forge, END, line_tag, map_tag, module_tag, tag, u32


@dataclass
class Scene:
    """What a case starts from: all of it sound."""
    kernel: str
    hello: bytes                 # the program of this word size
    other: bytes                 # the one of the other word size
    forge: Forge = None
    qemu: list = field(default_factory=list)   # more arguments for QEMU

    def __post_init__(self):
        self.forge = Forge(self.kernel)

    @property
    def top(self):
        return f.MODULE + len(self.hello)

    def root(self, data=None):
        data = self.hello if data is None else bytes(data)
        self.forge.place(f.MODULE, data)
        return (f.MODULE, f.MODULE + len(data), "hello")

    def root_tag(self, data=None):
        return module_tag(*self.root(data))


def fatal(pattern):
    return ("fatal", pattern)


def boots(pattern=None):
    return ("boots", pattern)


def ends(pattern):
    return ("ends", pattern)


CASES = []


def case(name, answer):
    def add(function):
        CASES.append((name, function, answer))
        return function
    return add


# ---- the root task's ELF file ---------------------------------------------------------------------------------------------------

def elf_case(name, answer, change):
    def build(scene):
        elf = Elf(scene.hello)
        data = change(scene, elf) or elf
        f.multiboot1(scene.forge, modules=[scene.root(data.data if isinstance(data, Elf) else data)])
    CASES.append(("elf-" + name, build, answer))


def each_load(change):
    def run(scene, elf):
        for number in elf.loads():
            change(elf, number)
    return run


def first_load(**values):
    def run(scene, elf):
        for name, value in values.items():
            elf.set(name, value(scene, elf) if callable(value) else value, elf.loads()[0])
    return run


def header(**values):
    def run(scene, elf):
        for name, value in values.items():
            elf.set(name, value)
    return run


def byte(place, value):
    def run(scene, elf):
        elf.data[place] = value
    return run


def limit(elf):
    return 0x7fffc0000000 if elf.size == 2 else 0xc0000000


elf_case("sound", boots(), lambda scene, elf: None)
elf_case("text-file", fatal("ELF"), lambda scene, elf: b"#!/bin/sh\necho this is not a program\n" * 200)
elf_case("three-bytes", fatal("ELF"), lambda scene, elf: elf.data[:3])
elf_case("only-the-header", fatal(""), lambda scene, elf: elf.data[:elf.get("ehsize")])
elf_case("cut-in-the-header", fatal("ELF"), lambda scene, elf: elf.data[:40])
elf_case("cut-in-the-last-segment", fatal(""), lambda scene, elf: elf.data[:elf.get("offset", elf.loads()[-1]) + 16])
elf_case("other-word-size", fatal("bit"), lambda scene, elf: scene.other)
elf_case("big-endian", fatal(""), byte(5, 2))
elf_case("class-255", fatal(""), byte(4, 255))
elf_case("other-machine", fatal("machine"), header(machine=183))
elf_case("object-file", fatal(""), header(kind=1))
elf_case("phoff-past-the-end", fatal(""), header(phoff=0x7ffffff0))
elf_case("phoff-wraps", fatal(""), header(phoff=-8))
elf_case("phnum-0", fatal(""), header(phnum=0))
elf_case("phnum-65535", fatal(""), header(phnum=0xffff))
elf_case("phentsize-0", fatal(""), header(phentsize=0))
elf_case("phentsize-8", fatal(""), header(phentsize=8))
elf_case("phentsize-65535", fatal(""), header(phentsize=0xffff))
elf_case("no-segment-to-load", fatal(""), each_load(lambda elf, number: elf.set("type", 4, number)))
elf_case("offset-past-the-end", fatal(""), first_load(offset=0x10000000))
elf_case("offset-wraps", fatal(""), first_load(offset=-4096))
elf_case("filesz-past-the-end", fatal(""), first_load(filesz=0x10000000, memsz=0x10000000))
elf_case("filesz-all-ones", fatal(""), first_load(filesz=-1, memsz=-1))
elf_case("memsz-below-filesz", fatal(""), first_load(memsz=1))
elf_case("memsz-enormous", fatal(""), first_load(memsz=1 << 31))
elf_case("vaddr-wraps", fatal(""), first_load(vaddr=-4096))
elf_case("vaddr-in-the-kernel", fatal(""), first_load(vaddr=lambda scene, elf: limit(elf)))
elf_case("vaddr-on-the-hip", fatal(""), first_load(vaddr=lambda scene, elf: limit(elf) - 4096))
elf_case("vaddr-on-the-utcb", fatal(""), first_load(vaddr=lambda scene, elf: limit(elf) - 8192))
elf_case("vaddr-not-congruent", fatal("differ modulo 4096"), first_load(vaddr=lambda scene, elf: elf.get("vaddr", elf.loads()[0]) + 16))
elf_case("segments-overlap", fatal(""), lambda scene, elf: elf.set("vaddr", elf.get("vaddr", elf.loads()[0]), elf.loads()[1]))
elf_case("align-3", boots(), first_load(align=3))
elf_case("align-enormous", boots(), first_load(align=1 << 31))
elf_case("align-0", boots(), first_load(align=0))
elf_case("entry-0", ends("thread killed: event 14 at ip 0x0,"), header(entry=0))
elf_case("entry-in-the-kernel", fatal("entry point .* is not a user address"), lambda scene, elf: elf.set("entry", limit(elf)))
elf_case("entry-all-ones", fatal("entry point .* is not a user address"), header(entry=-1))


@case("elf-bss-after-the-file", fatal("link .bss into the file"))
def _(scene):
    elf = Elf(scene.hello)
    last = elf.loads()[-1]
    f.multiboot1(scene.forge, modules=[scene.root(elf.set("memsz", elf.get("memsz", last) + 8192, last).data)])


# ---- Multiboot 1 ----------------------------------------------------------------------------------------------------------------

def mb1_case(name, answer, **what):
    """what: arguments of forge.multiboot1; those that are functions get the scene."""
    def build(scene):
        root = scene.root()
        arguments = {key: value(scene) if callable(value) else value for key, value in what.items()}
        f.multiboot1(scene.forge, **{"modules": [root], **arguments})
    CASES.append(("mb1-" + name, build, answer))


def root_and(*more):
    return lambda scene: [(f.MODULE, scene.top, "hello"), *more]


mb1_case("sound", boots())
mb1_case("no-module", fatal("module"), modules=[])
mb1_case("module-flag-clear", fatal("module"), changes={0: 1 | 1 << 2 | 1 << 6})
mb1_case("module-empty", fatal("module"), modules=[(f.MODULE, f.MODULE, "hello")])
mb1_case("module-ends-before-it-begins", fatal("module"), modules=[(f.MODULE, f.MODULE - 4096, "hello")])
mb1_case("module-beyond-memory", fatal(""), modules=[(0xf0000000, 0xf0100000, "hello")])
mb1_case("module-on-the-kernel", fatal(""), modules=lambda scene: [(scene.forge.image_end - 4096, scene.forge.image_end + 4096, "hello")])
mb1_case("module-all-ones", fatal(""), modules=[(0xfffff000, 0xffffffff, "hello")])
mb1_case("module-count-all-ones", boots("left out"), changes={20: -1})
mb1_case("module-list-at-4g", fatal(""), changes={24: -16})
mb1_case("module-list-in-nothing", fatal(""), changes={24: 0xe0000000})
mb1_case("module-name-at-4g", boots(), modules=lambda scene: [(f.MODULE, scene.top, 0xfffffff0)])
mb1_case("module-not-aligned", fatal("differ modulo 4096"), modules=lambda scene: [(scene.forge.place(f.SPARE + 16, scene.hello), f.SPARE + 16 + len(scene.hello), "hello")])
mb1_case("second-module-empty", boots("module 1"), modules=root_and((f.SPARE, f.SPARE, "empty")))
mb1_case("second-module-on-the-kernel", boots("overlaps"), modules=root_and((0x100000, 0x300000, "x")))
mb1_case("second-module-on-the-first", boots("module 1"), modules=root_and((f.MODULE, f.MODULE + 4096, "twice")))
mb1_case("200-modules", boots("left out"), modules=lambda scene: root_and(*[(f.SPARE + n * 4096, f.SPARE + n * 4096 + 100, f"m{n}") for n in range(200)])(scene))
mb1_case("400-map-entries", boots("left out"),
         memory=f.DEFAULT_MAP + [(0x100000000 + n * 0x200000, 0x100000, 2 + n % 3) for n in range(400)])
mb1_case("map-entry-size-0", fatal("memory map"), map_bytes=u32(0) + bytes(20))
mb1_case("map-entry-size-4", fatal("memory map"), map_bytes=u32(4) + bytes(20))
mb1_case("map-entry-size-all-ones", fatal("memory map"), map_bytes=u32(0xffffffff) + bytes(20))
mb1_case("map-cut", fatal("runs past the end of the map"), map_bytes=b"".join(u32(20) + f.u64(start, size) + u32(kind) for start, size, kind in f.DEFAULT_MAP)[:-7])
mb1_case("map-length-0", boots(), map_bytes=b"")
mb1_case("map-length-all-ones", fatal("memory map"), changes={44: -1})
mb1_case("map-at-4g", fatal(""), changes={48: -4})
mb1_case("map-wraps", boots("wraps|left out"), memory=f.DEFAULT_MAP + [(-4096, 8192, 1)])
mb1_case("map-all-of-it", boots(), memory=f.DEFAULT_MAP + [(1 << 32, -1 << 32, 2)])
mb1_case("map-reserved-everything", fatal(""), memory=[(0, 1 << 32, 2)])
mb1_case("map-overlaps", boots(), memory=f.DEFAULT_MAP + [(0x3000000, 0x100000, 2), (0x3080000, 0x100000, 4), (0x100000, 0x1000000, 1)])
mb1_case("map-odd-addresses", boots(), memory=f.DEFAULT_MAP + [(0x3000123, 0x1001, 2), (0x3002fff, 2, 3)])
mb1_case("map-unknown-type", boots(), memory=f.DEFAULT_MAP + [(0x3000000, 0x1000, 77), (0x3002000, 0x1000, 0xfffffffe)])
mb1_case("no-memory-at-all", fatal("memory"), changes={0: 1 << 2 | 1 << 3})
mb1_case("sizes-only", boots(), changes={0: 1 | 1 << 2 | 1 << 3})
mb1_case("one-mebibyte", fatal("at least .* of contiguous RAM"), memory=[(0, 0x9fc00, 1), (0x100000, 0x100000, 1)])
mb1_case("line-unknown-words", boots("unknown word .unknwon"), line="serial unknwon =1 seriall kmem=")
mb1_case("line-kmem-nonsense", boots("kmem=banana"), line="serial kmem=banana")
mb1_case("line-kmem-0", boots("kmem=0"), line="serial kmem=0")
mb1_case("line-kmem-enormous", boots("kmem=99999999999999999999G"), line="serial kmem=99999999999999999999G")
mb1_case("line-5000-characters", boots("longer than 1023"), line="serial " + "x" * 5000)
mb1_case("line-1000-words", boots(), line="serial " + "w " * 1000)
mb1_case("line-not-terminated", boots("longer than 1023"), line=b"serial " + b"\xff" * 8000)
mb1_case("line-control-characters", boots(), line=b"serial \x01\x1b[2J\x7f\x80\xff\0")


# ---- Multiboot 2 ----------------------------------------------------------------------------------------------------------------

def mb2_case(name, answer, tags, **more):
    def build(scene):
        f.multiboot2(scene.forge, tags(scene), **more)
    CASES.append(("mb2-" + name, build, answer))


def usual(*between):
    """Tags of a sound boot, with others before the end."""
    return lambda scene: [line_tag(), map_tag(), scene.root_tag(), *between, END]


mb2_case("sound", boots(), usual())
mb2_case("no-module", fatal("module"), lambda scene: [line_tag(), map_tag(), END])
mb2_case("size-0", fatal("multiboot"), usual(), total=0)
mb2_case("size-all-ones", fatal("multiboot"), usual(), total=-1)
mb2_case("size-cuts-the-last-tags", fatal(""), usual(), total=8 + 16 + 4)
mb2_case("tag-size-0", fatal("tag"), usual(tag(99, b"", 0)))
mb2_case("tag-size-7", fatal("tag"), usual(tag(99, b"", 7)))
mb2_case("tag-runs-past-the-end", fatal("tag"), usual(tag(99, b"", 4096)))
mb2_case("tag-size-all-ones", fatal("tag"), usual(tag(99, b"", -1)))
mb2_case("tag-size-wraps-when-aligned", fatal("tag"), usual(tag(99, b"", -7)))
mb2_case("unknown-tags", boots(), usual(tag(99, b"whatever"), tag(0xffffffff, b"x")))
mb2_case("no-end-tag", boots(), lambda scene: usual()(scene)[:-1])
mb2_case("module-tag-short", fatal("module"), lambda scene: [line_tag(), map_tag(), tag(3, u32(f.MODULE)), END])
mb2_case("module-name-not-terminated", boots(), lambda scene: [line_tag(), map_tag(), tag(3, u32(*scene.root()[:2]) + b"hell"), END])
mb2_case("module-empty", fatal("module"), lambda scene: [line_tag(), map_tag(), module_tag(f.MODULE, f.MODULE), END])
mb2_case("map-entry-size-0", fatal("memory map"), lambda scene: [line_tag(), map_tag(entry_size=0), scene.root_tag(), END])
mb2_case("map-entry-size-8", fatal("memory map"), lambda scene: [line_tag(), map_tag(entry_size=8), scene.root_tag(), END])
mb2_case("map-entry-size-all-ones", fatal("memory"), lambda scene: [line_tag(), map_tag(entry_size=-1), scene.root_tag(), END])
mb2_case("map-tag-short", fatal("memory"), lambda scene: [line_tag(), tag(6, u32(24)), scene.root_tag(), END])
mb2_case("line-not-terminated", boots(), lambda scene: [tag(1, b"serial"), map_tag(), scene.root_tag(), END])
mb2_case("line-empty-tag", boots(), lambda scene: [tag(1, b""), line_tag(), map_tag(), scene.root_tag(), END])
mb2_case("rsdp-tag-short", boots(), usual(tag(14, b"RSD PTR "), tag(15, b"RSD PTR ")))
mb2_case("framebuffer-enormous", boots(), usual(tag(8, f.u64(0xfd000000) + u32(-1, -1, -1) + bytes([32, 1, 0, 0]))))
mb2_case("framebuffer-short", boots(), usual(tag(8, f.u64(0xfd000000))))
mb2_case("efi-table-nowhere", boots(), usual(tag(12, f.u64(-8))))
mb2_case("200-modules", boots("left out"), lambda scene: usual(*[module_tag(f.SPARE + n * 4096, f.SPARE + n * 4096 + 9, "x") for n in range(200)])(scene))


@case("magic-unknown", fatal("not a Multiboot loader"))
def _(scene):
    f.multiboot1(scene.forge, modules=[scene.root()])
    scene.forge.magic = 0x12345678


# ---- ACPI -----------------------------------------------------------------------------------------------------------------------

def acpi_case(name, answer, cpus=1, **what):
    """what: arguments of forge.acpi. The RSDP comes in a Multiboot 2 tag, and nowhere else (acpi=off takes QEMU's away)."""
    def build(scene):
        table = f.acpi(scene.forge, **what)
        f.multiboot2(scene.forge, usual(tag(15 if len(table) > 20 else 14, table))(scene))
        scene.qemu = ["-no-acpi", "-smp", str(cpus)]
    CASES.append(("acpi-" + name, build, answer))


def madt_case(name, answer, entries, cpus=1, **more):
    acpi_case("madt-" + name, answer, cpus, tables=[f.madt(entries, **more), f.fadt()])


GOOD = f.MADT_ENTRIES


@case("acpi-none", fatal("ACPI"))
def _(scene):
    f.multiboot1(scene.forge, modules=[scene.root()])
    scene.qemu = ["-no-acpi"]


@case("acpi-rsdp-in-the-ebda", boots())
def _(scene):
    scene.forge.place(f.RSDP, f.acpi(scene.forge))
    f.multiboot1(scene.forge, modules=[scene.root()])
    scene.qemu = ["-no-acpi"]


@case("acpi-rsdp-in-the-ebda-bad-checksum", fatal("ACPI"))
def _(scene):
    scene.forge.place(f.RSDP, f.acpi(scene.forge, good_rsdp=False))
    f.multiboot1(scene.forge, modules=[scene.root()])
    scene.qemu = ["-no-acpi"]


acpi_case("sound", boots())
acpi_case("xsdt", boots(), root=b"XSDT")
acpi_case("rsdp-bad-checksum", fatal("RSDP .*checksum"), good_rsdp=False)
acpi_case("rsdt-bad-checksum", fatal("RSDT .*can be used.*checksum"), good_root=False)
acpi_case("xsdt-bad-checksum", fatal("XSDT .*can be used.*checksum"), root=b"XSDT", good_root=False)
acpi_case("rsdt-length-0", fatal("RSDT .*can be used"), root_length=0)
acpi_case("rsdt-length-35", fatal("RSDT .*can be used"), root_length=35)
acpi_case("rsdt-length-all-ones", fatal("RSDT .*can be used"), root_length=-1)
acpi_case("rsdt-length-odd", boots(), root_length=36 + 7)
acpi_case("rsdt-empty", fatal("no MADT"), pointers=lambda at: [])
acpi_case("rsdt-with-another-signature", fatal("RSDT .*can be used"), root=b"JUNK")
acpi_case("pointers-0", boots(), pointers=lambda at: [0, *at, 0])
acpi_case("pointers-at-4g", boots(), pointers=lambda at: [0xfffffff8, *at, 0xffffffff])
acpi_case("pointers-into-nothing", boots(), pointers=lambda at: [0xe0000000, *at])
acpi_case("pointers-above-the-cpu", boots(), root=b"XSDT", pointers=lambda at: [-64, 1 << 60, *at])
acpi_case("pointer-to-the-root-table", boots(), pointers=lambda at: [f.TABLES, *at])
acpi_case("madt-twice", boots(), pointers=lambda at: [at[0], at[0], at[1]])
acpi_case("no-madt", fatal("no MADT"), tables=[f.fadt()])
acpi_case("madt-bad-checksum", fatal("MADT cannot be used"), tables=[f.madt(good=False), f.fadt()])
acpi_case("madt-length-0", fatal("MADT"), tables=[f.madt(length=0), f.fadt()])
acpi_case("madt-length-40", fatal("MADT"), tables=[f.madt(length=40), f.fadt()])
acpi_case("madt-length-all-ones", fatal("MADT"), tables=[f.madt(length=-1), f.fadt()])
acpi_case("no-fadt", boots(), tables=[f.madt()])
acpi_case("fadt-short", boots(), tables=[f.madt(), f.fadt(size=44)])
acpi_case("fadt-pm-timer-that-does-not-count", boots(), tables=[f.madt(), f.fadt(pm_timer=0x9990)])
acpi_case("hpet-short", boots("HPET has 40 bytes"), tables=[f.madt(), f.fadt(), f.sdt(b"HPET", b"1234")])
acpi_case("mcfg-short", boots(), tables=[f.madt(), f.fadt(), f.sdt(b"MCFG", b"12345678" + bytes(7))])
acpi_case("mcfg-nonsense", boots("MCFG entry"), tables=[f.madt(), f.fadt(), f.sdt(b"MCFG", bytes(8) + f.u64(-4096) + bytes([0, 0, 255, 0]) + bytes(4))])
acpi_case("dmar-short", boots(), tables=[f.madt(), f.fadt(), f.sdt(b"DMAR", b"\x2f")])

madt_case("entry-length-0", boots("MADT: the entry at offset 74 has length 0"), [*GOOD, bytes([0, 0, 1, 1])])
madt_case("entry-length-1", boots("MADT: the entry at offset 74 has length 1"), [*GOOD, bytes([5, 1, 1, 1])])
madt_case("entry-runs-past-the-end", boots("MADT: the entry at offset 74 has length 200"), [*GOOD, bytes([0, 200, 1, 1, 1, 0, 0, 0])])
madt_case("entry-too-short-for-its-type", boots("MADT: the entry at offset 74 .*only 4 bytes"), [*GOOD, bytes([0, 4, 1, 1]), bytes([1, 2]), bytes([2, 3, 0]), bytes([9, 8]) + bytes(6)])
madt_case("entry-cut", boots("MADT: the entry at offset 74"), [*GOOD, bytes([0])])
madt_case("unknown-entries", boots(), [bytes([77, 4, 0, 0]), *GOOD, bytes([255, 255]) + bytes(253)])
madt_case("no-cpu", fatal("lists no enabled CPU"), [f.ioapic(), f.override(0, 2)])
madt_case("boot-cpu-missing", boots("boot CPU .*not listed"), [f.lapic(1, 1), f.ioapic(), f.override(0, 2)])
madt_case("no-cpu-enabled", fatal("lists no enabled CPU"), [f.lapic(0, 0, 0), f.ioapic()])
madt_case("cpu-twice", boots(), [f.lapic(0, 0), f.lapic(0, 0), f.x2apic(0, 0), f.ioapic(), f.override(0, 2)])
madt_case("cpu-that-is-not-there", boots("cpu 1 .*does not answer; left out"), [f.lapic(0, 0), f.lapic(1, 7), f.ioapic(), f.override(0, 2)])
madt_case("300-cpus", boots("237 CPUs left out"), [f.lapic(0, 0), *[f.x2apic(1000 + n, n) for n in range(300)], f.ioapic(), f.override(0, 2)])
madt_case("x2apic-id-all-ones", boots(), [f.lapic(0, 0), f.x2apic(0xffffffff, 5), f.ioapic(), f.override(0, 2)])
madt_case("lapic-id-255", boots(), [f.lapic(0, 0), f.lapic(9, 255), f.ioapic(), f.override(0, 2)])
madt_case("no-ioapic", boots(), [f.lapic(0, 0)])
madt_case("ioapic-at-0", boots("I/O APIC 0 has address 0x0"), [f.lapic(0, 0), f.ioapic(address=0)])
madt_case("ioapic-in-memory", boots(), [f.lapic(0, 0), f.ioapic(address=0x200000)])
madt_case("ioapic-gsi-base-all-ones", boots("cannot be used"), [f.lapic(0, 0), f.ioapic(base=-1)])
madt_case("40-ioapics", boots("more than 16 I/O APICs"), [f.lapic(0, 0), *[f.ioapic(n, 0xfec00000 + n * 4096, n * 24) for n in range(40)]])
madt_case("override-of-255", boots("source 255 is no ISA interrupt"), [f.lapic(0, 0), f.ioapic(), f.override(255, 2)])
madt_case("override-to-9999", boots(), [f.lapic(0, 0), f.ioapic(), f.override(0, 9999, 0xffff)])
