/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A request is a number: flush_wanted of the other CPU counts requests, flush_done says up to which all were served. Another CPU drops everything it
 * has; only the calling CPU flushes page by page.
 */
#include "core/shootdown.h"

#include "hal/boot_info.h"

void stale_add(struct stale_set *set, struct range_space *space, word page, word count)
{
    for (unsigned i = 0; i < set->count; i++) {
        if (set->entry[i].space != space)
            continue;
        if (set->entry[i].count && set->entry[i].page + set->entry[i].count == page)
            set->entry[i].count += count;
        else
            set->entry[i].count = 0;
        return;
    }
    if (set->count == STALE_MAX) {
        set->everything = true;
        return;
    }
    set->entry[set->count].space = space;
    set->entry[set->count].page = page;
    set->entry[set->count++].count = count;
}

/* Whether any CPU but this one may hold translations of a space; something stale. */
static inline bool used_elsewhere(const struct range_space *space, unsigned number)
{
    for (unsigned at = 0; at < CPU_SET_WORDS; at++) {
        word here = at == number / (8 * sizeof(word)) ? (word)1 << number % (8 * sizeof(word)) : 0;
        if (__atomic_load_n(&space->cpus[at], __ATOMIC_RELAXED) & ~here)
            return true;
    }
    return false;
}

static inline bool stale_elsewhere(const struct stale_set *set, unsigned number)
{
    if (set->everything)
        return true;
    for (unsigned i = 0; i < set->count; i++)
        if (used_elsewhere(set->entry[i].space, number))
            return true;
    return false;
}

static bool stale_on(const struct stale_set *set, unsigned number)
{
    if (set->everything)
        return true;
    for (unsigned i = 0; i < set->count; i++)
        if (cpu_set_has(set->entry[i].space->cpus, number))
            return true;
    return false;
}

void shootdown_serve(struct cpu *cpu)
{
    uint32_t wanted = __atomic_load_n(&cpu->flush_wanted, __ATOMIC_SEQ_CST);
    if (wanted == cpu->flush_done)
        return;
    mmu_flush(0, 0, 0);
    __atomic_store_n(&cpu->flush_done, wanted, __ATOMIC_RELEASE);
}

static void flush_here(const struct stale_set *set, unsigned number)
{
    if (set->everything) {
        mmu_flush(0, 0, 0);
        return;
    }
    for (unsigned i = 0; i < set->count; i++) {
        const struct range_space *space = set->entry[i].space;
        if (cpu_set_has(space->cpus, number))
            mmu_flush(space->mmu, set->entry[i].page, set->entry[i].count);
    }
}

/* Asks the others, flushes here, and waits for their answers. */
static __attribute__((noinline)) void flush_everywhere(struct cpu *cpu, const struct stale_set *set)
{
    uint32_t ticket[NOVA_CPUS];
    word asked[CPU_SET_WORDS] = {0}; /* a CPU may join the set while we wait; it needs no flush */
    for (unsigned i = 0; i < boot_info.cpus; i++) {
        struct cpu *other = cpu_table[i];
        if (!other || other == cpu || !stale_on(set, i))
            continue;
        cpu_set_add(asked, i);
        ticket[i] = __atomic_add_fetch(&other->flush_wanted, 1, __ATOMIC_SEQ_CST);
        cpu_post(other, PENDING_FLUSH);
    }
    flush_here(set, cpu->number);
    for (unsigned i = 0; i < boot_info.cpus; i++) {
        if (!cpu_set_has(asked, i))
            continue;
        while ((int32_t)(__atomic_load_n(&cpu_table[i]->flush_done, __ATOMIC_ACQUIRE) - ticket[i]) < 0) {
            shootdown_serve(cpu);
            cpu_pause();
        }
    }
}

static __attribute__((noinline)) void one_everywhere(struct cpu *cpu, struct range_space *space, word page, word count)
{
    struct stale_set set;
    stale_init(&set);
    stale_add(&set, space, page, count);
    flush_everywhere(cpu, &set);
}

void shootdown_one(struct cpu *cpu, struct range_space *space, word page, word count)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* as in shootdown */
    if (__builtin_expect(used_elsewhere(space, cpu->number), 0))
        one_everywhere(cpu, space, page, count);
    else if (cpu_set_has(space->cpus, cpu->number))
        mmu_flush(space->mmu, page, count);
}

void shootdown(struct cpu *cpu, const struct stale_set *set)
{
    if (!set->count)
        return;
    /* The page-table stores must be visible before we look who uses the tables: a CPU that is missing in the set loads them later. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__builtin_expect(stale_elsewhere(set, cpu->number), 0))
        flush_everywhere(cpu, set);
    else
        flush_here(set, cpu->number);
}
