/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Boot modules behind the first one are guests. The first word of a module's command line names it, `mem=` (MiB), `vcpus=` and `limit=` (seconds) say what it needs; the
 * whole line is the guest's command line, too.
 */
#include "vmm.h"

enum { DEFAULT_MEGABYTES = 4, DEFAULT_LIMIT_S = 30 };

/* The last part of the path that the line begins with. */
static void name_of(struct guest *guest)
{
    const char *from = guest->line;
    size_t length = 0;
    for (const char *at = from; *at && *at != ' '; at++)
        if (*at == '/')
            from = at + 1;
    while (from[length] && from[length] != ' ' && length < sizeof guest->name - 1)
        length++;
    memcpy(guest->name, from, length);
    guest->name[length] = 0;
}

int guests_find(struct guest *guests, unsigned room)
{
    unsigned count = 0, modules = 0;
    for (unsigned i = 0; i < nova_hip_memories(nova_hip) && count < room; i++) {
        const struct nova_hip_memory *memory = nova_hip_memory(nova_hip, i);
        struct guest *guest = &guests[count];
        if (memory->type != NOVA_MEMORY_MODULE || !modules++)
            continue;
        if (!memory->aux || !nova_physical_string(memory->aux, guest->line, sizeof guest->line))
            guest->line[0] = 0;
        name_of(guest);
        guest->size = (nova_word)memory->size;
        guest->image = nova_map_physical(memory->address, guest->size, NOVA_MEM_R);
        guest->megabytes = nova_command_line_number(guest->line, "mem", DEFAULT_MEGABYTES);
        guest->vcpus = nova_command_line_number(guest->line, "vcpus", 1);
        guest->limit_s = nova_command_line_number(guest->line, "limit", DEFAULT_LIMIT_S);
        if (guest->image)
            count++;
        else
            nova_printf("vmm: the module %s cannot be read\n", guest->name);
    }
    return (int)count;
}
