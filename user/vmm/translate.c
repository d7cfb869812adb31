/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory as the guest addresses it: a walk through its page tables (Intel SDM vol. 3, chapter 4), for the few instructions whose operands the monitor has to fetch.
 * Rights are those of the guest's current privilege level; accessed and dirty bits are set.
 */
#include "vmm.h"

enum { PRESENT = 1, WRITABLE = 2, USER = 4, ACCESSED = 1 << 5, DIRTY = 1 << 6, LARGE = 1 << 7 };
enum { ERROR_PRESENT = 1, ERROR_WRITE = 2, ERROR_USER = 4 };
#define CR0_PG ((nova_word)1 << 31)
#define CR0_WP ((nova_word)1 << 16)
#define FRAME(entry) ((entry)&0x000ffffffffff000)
enum { CR4_PSE = 1 << 4, CR4_PAE = 1 << 5 };

void *guest_memory(struct vm *vm, uint64_t physical, nova_word bytes)
{
    return physical < vm->ram_size && bytes <= vm->ram_size - physical ? vm->ram + physical : NULL;
}

static int is_long(const struct nova_state *s)
{
#ifdef __x86_64__
    return s->efer >> 10 & 1;
#else
    (void)s;
    return 0;
#endif
}

static int privileged(const struct nova_state *s) { return (s->ss.attributes >> 5 & 3) != 3; }

static void fault(struct nova_state *s, nova_word linear, unsigned error)
{
    s->cr2 = linear;
    s->mtd |= NOVA_MTD_CR;
    state_inject(s, INJECT_EXCEPTION, EXCEPTION_PF, (int)error);
}

struct format {
    unsigned levels, bits, entry; /* of an entry: bytes */
};

static struct format format_of(const struct nova_state *s)
{
    if (is_long(s))
        return (struct format){4, 9, 8};
    return s->cr4 & CR4_PAE ? (struct format){3, 9, 8} : (struct format){2, 10, 4};
}

/* Where a linear address is; -1 with the fault in the state. */
static int64_t translate(struct vm *vm, struct nova_state *s, nova_word linear, int write)
{
    if (!(s->cr0 & CR0_PG))
        return (int64_t)(uint32_t)linear;
    struct format f = format_of(s);
    unsigned error = (write ? ERROR_WRITE : 0) | (privileged(s) ? 0 : ERROR_USER), rights = WRITABLE | USER;
    uint64_t table = f.levels == 3 ? s->cr3 & ~(nova_word)31 : FRAME((uint64_t)s->cr3);
    for (unsigned level = f.levels; level-- > 0;) {
        unsigned shift = 12 + level * f.bits, index = (unsigned)(linear >> shift) & ((1u << f.bits) - 1);
        if (f.levels == 3 && level == 2)
            index &= 3;
        uint8_t *at = guest_memory(vm, table + index * f.entry, f.entry);
        if (!at)
            break;
        uint64_t entry = f.entry == 8 ? *(uint64_t *)at : *(uint32_t *)at;
        if (!(entry & PRESENT))
            break;
        int pointer = f.levels == 3 && level == 2; /* has no rights and no accessed bit */
        if (!pointer)
            rights &= (unsigned)entry;
        int large = level && !pointer && entry & LARGE && (f.levels > 2 || s->cr4 & CR4_PSE);
        if (!level || large) {
            if ((write && !(rights & WRITABLE) && (!privileged(s) || s->cr0 & CR0_WP)) || (!privileged(s) && !(rights & USER))) {
                error |= ERROR_PRESENT;
                break;
            }
            __atomic_fetch_or((uint32_t *)at, write ? ACCESSED | DIRTY : ACCESSED, __ATOMIC_RELAXED);
            uint64_t offset = linear & (((uint64_t)1 << shift) - 1);
            uint64_t frame = f.levels == 2 && large ? (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32 : FRAME(entry);
            return (int64_t)((frame & ~(((uint64_t)1 << shift) - 1)) | offset);
        }
        if (!pointer)
            __atomic_fetch_or((uint32_t *)at, ACCESSED, __ATOMIC_RELAXED);
        table = FRAME(entry);
    }
    fault(s, linear, error);
    return -1;
}

int guest_access(struct vm *vm, struct nova_state *s, nova_word linear, void *data, unsigned bytes, int write)
{
    uint8_t *local = data;
    for (unsigned i = 0; i < bytes; i++) {
        int64_t physical = translate(vm, s, linear + i, write);
        uint8_t *at = physical < 0 ? NULL : guest_memory(vm, (uint64_t)physical, 1);
        if (physical < 0)
            return 0;
        if (write && at)
            *at = local[i];
        else if (!write)
            local[i] = at ? *at : 0xff;
    }
    return 1;
}
