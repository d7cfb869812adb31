/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guests are boot modules. An image with a Multiboot 1 header (Multiboot specification 0.6.96, section 3) is loaded by the header's addresses or as ELF, and gets boot information; any other ELF file
 * (32 or 64 bit) is entered in 32-bit mode all the same; everything else is put at BOARD_FLAT and entered in real mode. Every number in an image is checked against the machine's RAM.
 */
#include "vmm.h"

enum { MULTIBOOT_SEARCH = 8192, MULTIBOOT_ADDRESSES = 1 << 16, MULTIBOOT_MAY = 7, MULTIBOOT_HEADER = 0x1badb002 };
enum { MULTIBOOT_BOOTED = 0x2badb002, INFO = 0x600, INFO_LINE = 0x700, INFO_MAP = 0x680, LOWEST = 0x1000 };
enum { INFO_MEMORY = 1, INFO_COMMAND_LINE = 4, INFO_HAS_MAP = 64, MAP_RAM = 1 };
enum { ELF_32 = 1, ELF_64 = 2, ELF_LOAD = 1 };

struct multiboot_header {
    uint32_t magic, flags, checksum, header, load, load_end, bss_end, entry;
};

struct multiboot_map {
    uint32_t size;
    uint64_t base, length;
    uint32_t type;
} __attribute__((packed));

/* ELF headers of both classes, brought to one form. */
struct program {
    uint64_t offset, address, file_size, size;
    uint32_t type;
};

static int refuse(const struct vm *vm, const char *why)
{
    nova_printf("vmm: %s cannot be loaded: %s\n", vm->guest->name, why);
    return 0;
}

/* Part of the image into RAM; what is longer there is zero. */
static int place(struct vm *vm, uint64_t offset, uint64_t address, uint64_t file_size, uint64_t size)
{
    const struct guest *guest = vm->guest;
    if (offset > guest->size || file_size > guest->size - offset || file_size > size)
        return refuse(vm, "it is cut off");
    if (address < LOWEST || address > vm->ram_size || size > vm->ram_size - address)
        return refuse(vm, "it does not fit into the machine's memory");
    memcpy(vm->ram + address, guest->image + offset, (size_t)file_size);
    return 1;
}

static uint64_t number(const uint8_t *at, unsigned bytes)
{
    uint64_t value = 0;
    while (bytes--)
        value = value << 8 | at[bytes];
    return value;
}

static int elf_load(struct vm *vm)
{
    const struct guest *guest = vm->guest;
    const uint8_t *image = guest->image;
    int wide = guest->size > 4 && image[4] == ELF_64;
    unsigned header = wide ? 64 : 52, entry_size = wide ? 56 : 32;
    if (guest->size < header || (!wide && image[4] != ELF_32))
        return refuse(vm, "its ELF header is not sound");
    uint64_t table = wide ? number(image + 32, 8) : number(image + 28, 4);
    unsigned count = (unsigned)number(image + (wide ? 56 : 44), 2);
    if (number(image + (wide ? 54 : 42), 2) != entry_size || table > guest->size || count * entry_size > guest->size - table)
        return refuse(vm, "its ELF program headers are not sound");
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *at = image + table + i * entry_size;
        struct program p = {.type = (uint32_t)number(at, 4)};
        p.offset = wide ? number(at + 8, 8) : number(at + 4, 4);
        p.address = wide ? number(at + 24, 8) : number(at + 12, 4);
        p.file_size = wide ? number(at + 32, 8) : number(at + 16, 4);
        p.size = wide ? number(at + 40, 8) : number(at + 20, 4);
        if (p.type == ELF_LOAD && p.size && !place(vm, p.offset, p.address, p.file_size, p.size))
            return 0;
    }
    vm->vcpu[0].start = (nova_word)number(image + 24, wide ? 8 : 4);
    return 1;
}

static const struct multiboot_header *header_find(const struct guest *guest)
{
    for (nova_word at = 0; at + sizeof(struct multiboot_header) <= guest->size && at < MULTIBOOT_SEARCH; at += 4) {
        const struct multiboot_header *header = (const struct multiboot_header *)(guest->image + at);
        if (header->magic == MULTIBOOT_HEADER && !(uint32_t)(header->magic + header->flags + header->checksum))
            return header;
    }
    return NULL;
}

static int addresses_load(struct vm *vm, const struct multiboot_header *header)
{
    const struct guest *guest = vm->guest;
    uint64_t at = (uint64_t)((const uint8_t *)header - guest->image), before = header->header - header->load;
    if (header->header < header->load || before > at || (header->load_end && header->load_end < header->load) ||
        (header->bss_end && header->bss_end < header->load_end))
        return refuse(vm, "the addresses in its Multiboot header are not sound");
    uint64_t offset = at - before, size = header->load_end ? header->load_end - header->load : guest->size - offset;
    uint64_t all = header->bss_end && header->bss_end - header->load > size ? header->bss_end - header->load : size;
    vm->vcpu[0].start = header->entry;
    return place(vm, offset, header->load, size, all);
}

/* Boot information: memory, command line, memory map. */
static void information(struct vm *vm)
{
    uint32_t *info = (uint32_t *)(vm->ram + INFO);
    struct multiboot_map map[2] = {{20, 0, 640 << 10, MAP_RAM}, {20, 1 << 20, vm->ram_size - (1 << 20), MAP_RAM}};
    info[0] = INFO_MEMORY | INFO_COMMAND_LINE | INFO_HAS_MAP;
    info[1] = 640;
    info[2] = (uint32_t)(vm->ram_size >> 10) - 1024;
    info[4] = INFO_LINE;
    info[11] = sizeof map;
    info[12] = INFO_MAP;
    memcpy(vm->ram + INFO_MAP, map, sizeof map);
    memcpy(vm->ram + INFO_LINE, vm->guest->line, LINE);
    vm->boot_ax = MULTIBOOT_BOOTED;
    vm->boot_bx = INFO;
}

int guest_load(struct vm *vm)
{
    const struct guest *guest = vm->guest;
    const struct multiboot_header *header = header_find(guest);
    static const uint8_t elf_magic[4] = {0x7f, 'E', 'L', 'F'};
    vm->boot_ax = vm->boot_bx = 0;
    vm->real_mode = 0;
    if (header && header->flags & 0xffff & ~MULTIBOOT_MAY)
        return refuse(vm, "its Multiboot header asks for what is not known");
    if (header)
        information(vm);
    if (header && header->flags & MULTIBOOT_ADDRESSES)
        return addresses_load(vm, header);
    if (guest->size >= sizeof elf_magic && !memcmp(guest->image, elf_magic, sizeof elf_magic))
        return elf_load(vm);
    vm->real_mode = 1;
    vm->vcpu[0].start = BOARD_FLAT;
    return place(vm, 0, BOARD_FLAT, guest->size, guest->size);
}
