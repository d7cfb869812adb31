/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A plugin for QEMU's TCG that measures from outside how long the kernel runs with interrupts off: the instructions from each entry (or from the end
 * of a window) to the way out (user mode, guest mode, STI, HLT). The kernel is the one that is shipped; it knows nothing of it.
 * Arguments: symbols=FILE (lines "address name", sorted, the last one ends the kernel's text), out=FILE. What runs before the first return to user mode does
 * not count. For each function in which most of a path was spent, the longest such path is kept, with all functions that it went through.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What we need of the plugin interface, version 1 (QEMU manual, "QEMU TCG Plugins"). */
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { CB_NO_REGS = 0 };
extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*callback)(uint64_t id, struct qemu_plugin_tb *tb));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, void (*callback)(unsigned cpu, void *data), int flags,
                                                 void *data);
extern void qemu_plugin_register_atexit_cb(uint64_t id, void (*callback)(uint64_t id, void *data), void *data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

extern const int qemu_plugin_version;
extern int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);
const int qemu_plugin_version = 1;

enum { CPUS_MAX = 64, LOG_MAX = 1 << 20, KEEP_FROM = 1000, BUCKETS = 40 };

/* How a block ends. */
enum ending { PLAIN, TO_USER, TO_GUEST, OPENS };

struct block {
    uint64_t address, after; /* after: where a guest's exit comes back */
    uint32_t instructions;
    uint16_t symbol;
    bool kernel;
    uint8_t ending;
};

static struct symbol {
    uint64_t address;
    char name[64];
} * symbols;
static unsigned symbol_count;

/* The longest path for each function that it spent most of its time in. */
static struct worst {
    uint64_t count;
    unsigned cpu, order_count;
    uint16_t *order; /* functions in order of first use */
    uint64_t *spent;
} * worst;

static struct cpu {
    const struct block **log;
    unsigned logged;
    uint64_t count;
    bool open, boot; /* boot: the path began before user mode was there */
    uint64_t guest;  /* not 0: a guest runs, until the block at this address */
} cpus[CPUS_MAX];

static volatile bool armed;
static uint64_t buckets[BUCKETS], paths, overflows;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *out_name = "latency.txt";

/* The last symbol at or below the address. */
static unsigned symbol_of(uint64_t address)
{
    unsigned low = 0, high = symbol_count;
    while (high - low > 1) {
        unsigned middle = (low + high) / 2;
        if (symbols[middle].address <= address)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Under the lock. */
static void keep(const struct cpu *cpu, unsigned number)
{
    uint64_t *spent = calloc(symbol_count, sizeof *spent);
    uint16_t *order = calloc(symbol_count, sizeof *order);
    unsigned count = 0, most = 0;
    for (unsigned i = 0; i < cpu->logged; i++) {
        unsigned symbol = cpu->log[i]->symbol;
        if (!spent[symbol])
            order[count++] = (uint16_t)symbol;
        spent[symbol] += cpu->log[i]->instructions;
        if (spent[symbol] > spent[most])
            most = symbol;
    }
    struct worst *entry = &worst[most];
    if (cpu->count <= entry->count) {
        free(spent);
        free(order);
        return;
    }
    free(entry->spent);
    free(entry->order);
    *entry = (struct worst){.count = cpu->count, .cpu = number, .order_count = count, .order = order, .spent = spent};
}

static void path_end(struct cpu *cpu, unsigned number)
{
    if (!cpu->open)
        return;
    cpu->open = false;
    if (cpu->boot || !armed)
        return;
    unsigned bucket = 0;
    for (uint64_t rest = cpu->count; rest > 1; rest >>= 1)
        bucket++;
    pthread_mutex_lock(&lock);
    buckets[bucket]++;
    paths++;
    overflows += cpu->logged == LOG_MAX;
    if (cpu->count >= KEEP_FROM)
        keep(cpu, number);
    pthread_mutex_unlock(&lock);
}

static void block_run(unsigned number, void *data)
{
    const struct block *block = data;
    struct cpu *cpu = &cpus[number];
    if (cpu->guest && block->address != cpu->guest)
        return;
    cpu->guest = 0;
    if (!block->kernel) {
        path_end(cpu, number);
        return;
    }
    if (!cpu->open) {
        cpu->open = true;
        cpu->boot = !armed;
        cpu->count = cpu->logged = 0;
        if (!cpu->log)
            cpu->log = calloc(LOG_MAX, sizeof *cpu->log);
    }
    cpu->count += block->instructions;
    if (cpu->logged < LOG_MAX)
        cpu->log[cpu->logged++] = block;
    if (block->ending == TO_USER)
        armed = true;
    if (block->ending == TO_GUEST)
        cpu->guest = block->after;
    if (block->ending != PLAIN)
        path_end(cpu, number);
}

static bool is(const struct qemu_plugin_insn *insn, const char *code, size_t size)
{
    return qemu_plugin_insn_size(insn) == size && !memcmp(qemu_plugin_insn_data(insn), code, size);
}

static void block_translate(uint64_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    struct block *block = calloc(1, sizeof *block);
    block->address = qemu_plugin_tb_vaddr(tb);
    block->instructions = (uint32_t)qemu_plugin_tb_n_insns(tb);
    block->kernel = block->address >= symbols[0].address && block->address < symbols[symbol_count - 1].address;
    if (block->kernel) {
        block->symbol = (uint16_t)symbol_of(block->address);
        struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, block->instructions - 1);
        if (is(last, "\xfb", 1) || is(last, "\xf4", 1) || is(last, "\x0f\x01\xc9", 3)) /* STI, HLT, MWAIT */
            block->ending = OPENS;
        else if (is(last, "\x48\x0f\x07", 3) || is(last, "\x0f\x35", 2) || is(last, "\xcf", 1) ||
                 is(last, "\x48\xcf", 2)) /* SYSRET, SYSEXIT, IRET */
            block->ending = TO_USER;
        else if (is(last, "\x0f\x01\xd8", 3)) /* VMRUN */
            block->ending = TO_GUEST;
        block->after = qemu_plugin_insn_vaddr(last) + qemu_plugin_insn_size(last);
    }
    qemu_plugin_register_vcpu_tb_exec_cb(tb, block_run, CB_NO_REGS, block);
}

static void report(uint64_t id, void *data)
{
    (void)id, (void)data;
    FILE *out = fopen(out_name, "w");
    if (!out)
        return;
    fprintf(out, "paths %llu\noverflows %llu\n", (unsigned long long)paths, (unsigned long long)overflows);
    for (unsigned i = 0; i < BUCKETS; i++)
        if (buckets[i])
            fprintf(out, "below %llu %llu\n", 2ull << i, (unsigned long long)buckets[i]);
    for (unsigned i = 0; i < symbol_count; i++)
        if (worst[i].count) {
            fprintf(out, "path %llu cpu %u %s", (unsigned long long)worst[i].count, worst[i].cpu, symbols[i].name);
            for (unsigned k = 0; k < worst[i].order_count; k++)
                fprintf(out, " %s=%llu", symbols[worst[i].order[k]].name, (unsigned long long)worst[i].spent[worst[i].order[k]]);
            fputc('\n', out);
        }
    fclose(out);
}

static bool symbols_read(const char *name)
{
    FILE *in = fopen(name, "r");
    unsigned long long address;
    char text[64];
    if (!in)
        return false;
    while (fscanf(in, "%llx %63s", &address, text) == 2) {
        symbols = realloc(symbols, (symbol_count + 1) * sizeof *symbols);
        symbols[symbol_count].address = address;
        strcpy(symbols[symbol_count++].name, text);
    }
    fclose(in);
    worst = calloc(symbol_count, sizeof *worst);
    return symbol_count > 1;
}

__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++)
        if (!strncmp(argv[i], "symbols=", 8) && !symbols_read(argv[i] + 8))
            return -1;
        else if (!strncmp(argv[i], "out=", 4))
            out_name = strdup(argv[i] + 4);
    if (!symbol_count)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, block_translate);
    qemu_plugin_register_atexit_cb(id, report, 0);
    return 0;
}
