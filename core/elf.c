/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything in the file is checked here, once, before anything is mapped from it. Only the first pages are looked at: header and program headers.
 */
#include "core/elf.h"

#include "core/lib/log.h"
#include "core/lib/string.h"
#include "hal/physical.h"
#include <nova/crd.h>

/*
 * ELF-64 and ELF-32 object file format, System V ABI chapter 4 and 5: the headers have the same fields, in words of the file's class and, in program
 * headers, in another order. 'byte' is where a field is.
 */
enum {
    WIDE = sizeof(word) == 8,
    HEADER_SIZE = WIDE ? 64 : 52,
    HEADER_CLASS = 4,
    HEADER_DATA = 5,
    HEADER_TYPE = 16,
    HEADER_MACHINE = 18,
    HEADER_ENTRY = 24,
    HEADER_PROGRAMS = WIDE ? 32 : 28,
    HEADER_PROGRAM_SIZE = WIDE ? 54 : 42,
    HEADER_PROGRAM_COUNT = WIDE ? 56 : 44,
    PROGRAM_SIZE = WIDE ? 56 : 32,
    PROGRAM_TYPE = 0,
    PROGRAM_FLAGS = WIDE ? 4 : 24,
    PROGRAM_OFFSET = WIDE ? 8 : 4,
    PROGRAM_ADDRESS = WIDE ? 16 : 8,
    PROGRAM_FILE_SIZE = WIDE ? 32 : 16,
    PROGRAM_MEMORY_SIZE = WIDE ? 40 : 20
};
enum { CLASS_OF_WORD = sizeof(word) / 4, LITTLE_ENDIAN_DATA = 1, TYPE_EXECUTABLE = 2, SEGMENT_LOAD = 1 };
enum { FLAG_EXECUTE = 1, FLAG_WRITE = 2, FLAG_READ = 4 };

static const char *const class_name[] = {"unknown class", "32-bit", "64-bit"};

static uint32_t half_at(const uint8_t *header, unsigned byte) { return (uint32_t)(header[byte] | header[byte + 1] << 8); }

static uint32_t long_at(const uint8_t *header, unsigned byte) { return half_at(header, byte) | half_at(header, byte + 2) << 16; }

static word word_at(const uint8_t *header, unsigned byte)
{
    uint64_t high = WIDE ? long_at(header, byte + 4) : 0;
    return (word)(high << 32 | long_at(header, byte));
}

/* Views an ELF structure; begin + offset lies in memory. */
static const uint8_t *view(unsigned window, paddr_t address, size_t size)
{
    const uint8_t *bytes = physical_window(window, address, size);
    if (!bytes)
        fatal("root task: the first module, at 0x%llx, lies beyond the memory that this CPU can address",
              (unsigned long long)address);
    return bytes;
}

static const uint8_t *header_check(paddr_t begin, paddr_t size)
{
    if (size < HEADER_SIZE)
        fatal("root task: the first module has %llu bytes, too few for an ELF header", (unsigned long long)size);
    const uint8_t *header = view(0, begin, HEADER_SIZE);
    if (memcmp(header, "\177ELF", 4))
        fatal("root task: the first module, at 0x%llx, is not an ELF file", (unsigned long long)begin);
    unsigned class = header[HEADER_CLASS];
    if (class != CLASS_OF_WORD)
        fatal("root task: %s ELF file, but this is the %s kernel: boot the one that matches", class_name[class <= 2 ? class : 0],
              class_name[CLASS_OF_WORD]);
    if (header[HEADER_DATA] != LITTLE_ENDIAN_DATA || half_at(header, HEADER_TYPE) != TYPE_EXECUTABLE)
        fatal("root task: ELF type %u, data encoding %u: needs an executable (2), little endian (1), linked to fixed addresses",
              half_at(header, HEADER_TYPE), header[HEADER_DATA]);
    if (half_at(header, HEADER_MACHINE) != NOVA_ELF_MACHINE)
        fatal("root task: ELF file for machine %u, but this kernel runs programs for machine %u", half_at(header, HEADER_MACHINE),
              (unsigned)NOVA_ELF_MACHINE);
    unsigned count = half_at(header, HEADER_PROGRAM_COUNT);
    if (half_at(header, HEADER_PROGRAM_SIZE) != PROGRAM_SIZE || !count)
        fatal("root task: %u program headers of %u bytes: needs at least one of %u", count, half_at(header, HEADER_PROGRAM_SIZE),
              (unsigned)PROGRAM_SIZE);
    word programs = word_at(header, HEADER_PROGRAMS);
    if (programs > size || (paddr_t)count * PROGRAM_SIZE > size - programs || count * PROGRAM_SIZE > PHYSICAL_WINDOW_SIZE / 2)
        fatal("root task: program headers at 0x%llx reach beyond the module's end at 0x%llx", (unsigned long long)programs,
              (unsigned long long)size);
    if (word_at(header, HEADER_ENTRY) >= NOVA_ROOT_UTCB_ADDRESS)
        fatal("root task: entry point 0x%llx is not a user address", (unsigned long long)word_at(header, HEADER_ENTRY));
    return header;
}

static struct elf_segment segment_check(const uint8_t *program, unsigned index, paddr_t begin, paddr_t size)
{
    word offset = word_at(program, PROGRAM_OFFSET), address = word_at(program, PROGRAM_ADDRESS);
    word file_size = word_at(program, PROGRAM_FILE_SIZE), memory_size = word_at(program, PROGRAM_MEMORY_SIZE);
    if (offset > size || file_size > size - offset)
        fatal("root task: segment %u, 0x%llx bytes at 0x%llx, lies outside the module of 0x%llx bytes", index,
              (unsigned long long)file_size, (unsigned long long)offset, (unsigned long long)size);
    if (file_size != memory_size)
        fatal("root task: segment %u has 0x%llx bytes in the file but 0x%llx in memory: it is mapped in place, so link .bss into "
              "the file",
              index, (unsigned long long)file_size, (unsigned long long)memory_size);
    if ((address ^ (word)(begin + offset)) & (PAGE_SIZE - 1))
        fatal("root task: segment %u: address 0x%llx and file offset 0x%llx differ modulo %u: it cannot be mapped in place", index,
              (unsigned long long)address, (unsigned long long)offset, (unsigned)PAGE_SIZE);
    if (address >= NOVA_ROOT_UTCB_ADDRESS || memory_size > NOVA_ROOT_UTCB_ADDRESS - address)
        fatal("root task: segment %u, 0x%llx bytes at address 0x%llx, reaches beyond 0x%llx, the end of what root may use", index,
              (unsigned long long)memory_size, (unsigned long long)address, (unsigned long long)NOVA_ROOT_UTCB_ADDRESS);
    uint32_t flags = long_at(program, PROGRAM_FLAGS);
    unsigned rights =
        (flags & FLAG_READ ? NOVA_MEM_R : 0) | (flags & FLAG_WRITE ? NOVA_MEM_W : 0) | (flags & FLAG_EXECUTE ? NOVA_MEM_X : 0);
    return (struct elf_segment){address, memory_size, offset, rights};
}

word elf_load(paddr_t begin, paddr_t end, void (*map)(void *context, const struct elf_segment *segment), void *context)
{
    const uint8_t *header = header_check(begin, end - begin);
    unsigned count = half_at(header, HEADER_PROGRAM_COUNT), loaded = 0;
    const uint8_t *program = view(1, begin + word_at(header, HEADER_PROGRAMS), count * PROGRAM_SIZE);
    for (unsigned i = 0; i < count; i++, program += PROGRAM_SIZE) {
        /* A segment that may not be read, written or executed keeps addresses free: nothing to map. */
        if (long_at(program, PROGRAM_TYPE) != SEGMENT_LOAD || !word_at(program, PROGRAM_MEMORY_SIZE) ||
            !(long_at(program, PROGRAM_FLAGS) & (FLAG_READ | FLAG_WRITE | FLAG_EXECUTE)))
            continue;
        struct elf_segment segment = segment_check(program, i, begin, end - begin);
        map(context, &segment);
        loaded++;
    }
    if (!loaded)
        fatal("root task: none of its %u program headers is a loadable segment", count);
    return word_at(header, HEADER_ENTRY);
}
