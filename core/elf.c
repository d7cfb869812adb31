/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything in the file is checked here, once, before anything is mapped from it. Only the first pages are looked at: header and program headers.
 */
#include "core/elf.h"

#include "core/lib/log.h"
#include "core/lib/string.h"
#include "hal/physical.h"
#include <nova/crd.h>

/* ELF-64 and ELF-32 object file format, System V ABI chapter 4 and 5. The fields differ in size and, in the program header, in order. */
struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    word entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t header_size, program_size, program_count, section_size, section_count, section_names;
};

#if UINTPTR_MAX > 0xffffffffu
struct elf_program {
    uint32_t type, flags;
    word offset, address, physical, file_size, memory_size, align;
};
#else
struct elf_program {
    uint32_t type;
    word offset, address, physical, file_size, memory_size;
    uint32_t flags;
    word align;
};
#endif

enum {
    IDENT_CLASS = 4,
    IDENT_DATA = 5,
    CLASS_OF_WORD = sizeof(word) / 4,
    LITTLE_ENDIAN_DATA = 1,
    TYPE_EXECUTABLE = 2,
    SEGMENT_LOAD = 1
};
enum { FLAG_EXECUTE = 1, FLAG_WRITE = 2, FLAG_READ = 4 };

static const char *const class_name[] = {"unknown class", "32-bit", "64-bit"};

static const struct elf_header *header_check(paddr_t begin, paddr_t size)
{
    if (size < sizeof(struct elf_header))
        fatal("root task: the first module has %llu bytes, too few for an ELF header", (unsigned long long)size);
    const struct elf_header *header = physical_window(0, begin, sizeof *header);
    if (!header || memcmp(header->ident, "\177ELF", 4))
        fatal("root task: the first module, at 0x%llx, is not an ELF file", (unsigned long long)begin);
    unsigned class = header->ident[IDENT_CLASS];
    if (class != CLASS_OF_WORD)
        fatal("root task: %s ELF file, but this is the %s kernel: boot the one that matches", class_name[class <= 2 ? class : 0],
              class_name[CLASS_OF_WORD]);
    if (header->ident[IDENT_DATA] != LITTLE_ENDIAN_DATA || header->type != TYPE_EXECUTABLE)
        fatal("root task: ELF type %u, data encoding %u: needs an executable (2), little endian (1), linked to fixed addresses",
              header->type, header->ident[IDENT_DATA]);
    if (header->program_size != sizeof(struct elf_program) || !header->program_count)
        fatal("root task: %u program headers of %u bytes: needs at least one of %u", header->program_count, header->program_size,
              (unsigned)sizeof(struct elf_program));
    uint64_t table = (uint64_t)header->program_count * sizeof(struct elf_program);
    if (header->program_offset > size || table > size - header->program_offset || table > PHYSICAL_WINDOW_SIZE / 2)
        fatal("root task: program headers at 0x%llx reach beyond the module's end at 0x%llx",
              (unsigned long long)header->program_offset, (unsigned long long)size);
    if (header->entry >= NOVA_ROOT_UTCB_ADDRESS)
        fatal("root task: entry point 0x%llx is not a user address", (unsigned long long)header->entry);
    return header;
}

static struct elf_segment segment_check(const struct elf_program *program, unsigned index, paddr_t begin, paddr_t size)
{
    if (program->offset > size || program->file_size > size - program->offset)
        fatal("root task: segment %u, 0x%llx bytes at 0x%llx, lies outside the module of 0x%llx bytes", index,
              (unsigned long long)program->file_size, (unsigned long long)program->offset, (unsigned long long)size);
    if (program->file_size != program->memory_size)
        fatal("root task: segment %u has 0x%llx bytes in the file but 0x%llx in memory: it is mapped in place, so link .bss into "
              "the file",
              index, (unsigned long long)program->file_size, (unsigned long long)program->memory_size);
    if ((program->address ^ (word)(begin + program->offset)) & (PAGE_SIZE - 1))
        fatal("root task: segment %u: address 0x%llx and file offset 0x%llx differ modulo %u: it cannot be mapped in place", index,
              (unsigned long long)program->address, (unsigned long long)program->offset, (unsigned)PAGE_SIZE);
    if (program->address >= NOVA_ROOT_UTCB_ADDRESS || program->memory_size > NOVA_ROOT_UTCB_ADDRESS - program->address)
        fatal("root task: segment %u, 0x%llx bytes at address 0x%llx, reaches beyond 0x%llx, the end of what root may use", index,
              (unsigned long long)program->memory_size, (unsigned long long)program->address,
              (unsigned long long)NOVA_ROOT_UTCB_ADDRESS);
    unsigned rights = (program->flags & FLAG_READ ? NOVA_MEM_R : 0) | (program->flags & FLAG_WRITE ? NOVA_MEM_W : 0) |
                      (program->flags & FLAG_EXECUTE ? NOVA_MEM_X : 0);
    return (struct elf_segment){program->address, program->memory_size, program->offset, rights};
}

word elf_load(paddr_t begin, paddr_t end, void (*map)(void *context, const struct elf_segment *segment), void *context)
{
    struct elf_header header = *header_check(begin, end - begin);
    const struct elf_program *program = physical_window(1, begin + header.program_offset, header.program_count * sizeof *program);
    unsigned loaded = 0;
    for (unsigned i = 0; i < header.program_count; i++) {
        if (program[i].type != SEGMENT_LOAD || !program[i].memory_size)
            continue;
        struct elf_segment segment = segment_check(&program[i], i, begin, end - begin);
        map(context, &segment);
        loaded++;
    }
    if (!loaded)
        fatal("root task: none of its %u program headers is a loadable segment", header.program_count);
    return header.entry;
}
