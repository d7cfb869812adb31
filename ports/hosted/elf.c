/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes ELF executables of the machine's word size into memory, well-formed ones; tests spoil single fields afterwards.
 */
#include "hosted.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

struct elf_image elf_write(uint64_t entry, const struct elf_segment *segments, unsigned count, size_t size)
{
    struct elf_image image = {.data = malloc(size), .size = size, .entry = entry};
    for (size_t i = 0; i < size; i++)
        image.data[i] = (uint8_t)(i / 4096 + i);

    Elf64_Ehdr header = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_entry = entry,
        .e_phoff = sizeof header,
        .e_ehsize = sizeof header,
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = (uint16_t)count,
    };
    memcpy(image.data, &header, sizeof header < size ? sizeof header : size);
    for (unsigned i = 0; i < count; i++) {
        Elf64_Phdr program = {
            .p_type = segments[i].type,
            .p_flags = segments[i].flags,
            .p_offset = segments[i].offset,
            .p_vaddr = segments[i].address,
            .p_paddr = segments[i].physical,
            .p_filesz = segments[i].file_size,
            .p_memsz = segments[i].memory_size,
            .p_align = 4096,
        };
        memcpy(image.data + sizeof header + i * sizeof program, &program, sizeof program);
    }
    return image;
}

struct elf_image default_root(void)
{
    static const struct elf_segment segments[] = {
        {PT_LOAD, PF_R | PF_X, 0, ROOT_TEXT, ROOT_TEXT, 8192, 8192},
        {PT_LOAD, PF_R | PF_W, 8192, ROOT_DATA, ROOT_DATA, 8192, 8192},
    };
    return elf_write(ROOT_ENTRY, segments, 2, 16384);
}
