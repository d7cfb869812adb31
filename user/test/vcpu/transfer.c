/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * State by MTD: each bit alone goes to the virtual CPU and comes back, once through a reply, the processor and the next event, once through ec_ctrl 6 and 7 while it
 * stands still. What the bit names has to be as it was set, everything else as it was, although the rest of the UTCB is full of other values.
 */
#include "vcpu.h"

enum {
    SVM = 1,      /* the interface has it on SVM alone */
    VMX = 2,      /* ... on VMX alone */
    EPT = 4,      /* the processor has it with EPT alone */
    STOPPED = 8,  /* would do something to a guest that runs */
    FIXED = 16,   /* is not what the monitor says */
    NO_QEMU = 32, /* QEMU 7.2 forgets it at VMRUN */
    NO_BOCHS = 64 /* Bochs 2.7 forgets it at VMRUN; the kernel helps the vTLB's guests alone */
};

struct field {
    uint16_t offset;
    uint8_t size, bit, where;
    uint64_t change; /* these bits become different */
};

#define FIELD(mtd, member, where, change)                                                                                          \
    {                                                                                                                              \
        offsetof(struct nova_state, member), sizeof(((struct nova_state *)0)->member), mtd, where, change                          \
    }
#define SEGMENT(mtd, name, type, length)                                                                                           \
    FIELD(mtd, name.selector, 0, 0x140), FIELD(mtd, name.attributes, 0, type), FIELD(mtd, name.limit, 0, length)

/*
 * The changes leave a guest that does nothing but CPUID alive: a conforming CS, an SS that expands down, no breakpoint that is on. Selectors keep RPL and TI.
 */
static const struct field fields[] = {
    FIELD(0, ax, 0, 0x5a5a1111),
    FIELD(0, cx, 0, 0x5a5a2222),
    FIELD(0, dx, 0, 0x5a5a3333),
    FIELD(0, bx, 0, 0x5a5a4444),
    FIELD(1, bp, 0, 0x5a5a5555),
    FIELD(1, si, 0, 0x5a5a6666),
    FIELD(1, di, 0, 0x5a5a7777),
    FIELD(2, sp, 0, 0x00012340),
    FIELD(3, ip, 0, 0x10),
    FIELD(4, flags, 0, 0x240cd5),
    SEGMENT(5, ds, 2, 0x10000000),
    FIELD(5, ds.base, 0, 0x01234000),
    SEGMENT(5, es, 2, 0x20000000),
    FIELD(5, es.base, 0, 0x02345000),
    SEGMENT(6, fs, 2, 0x30000000),
    FIELD(6, fs.base, 0, (nova_word)0x00007f1203456000),
    SEGMENT(6, gs, 2, 0x40000000),
    FIELD(6, gs.base, 0, (nova_word)0x00007f1204567000),
    SEGMENT(7, cs, 4, 0x50000000),
    SEGMENT(7, ss, 4, 0x60000000),
    FIELD(7, cs.base, 0, 0),
    FIELD(7, ss.base, 0, 0x05678000),
    SEGMENT(8, tr, 0, 0x0f00),
    FIELD(8, tr.base, 0, (nova_word)0x00007f1205678000),
    SEGMENT(9, ldtr, 0, 0x0e00),
    FIELD(9, ldtr.base, 0, (nova_word)0x00007f1206789000),
    FIELD(10, gdtr.limit, 0, 0x0d00),
    FIELD(10, gdtr.base, 0, (nova_word)0x00007f120789a000),
    FIELD(11, idtr.limit, 0, 0x0c00),
    FIELD(11, idtr.base, 0, (nova_word)0x00007f12089ab000),
    FIELD(12, cr0, 0, 0x10022),
    FIELD(12, cr2, NO_BOCHS, 0x1234567),
    FIELD(12, cr3, 0, 0x18),
    FIELD(12, cr4, 0, 0x608),
    FIELD(13, dr7, 0, 0xd0300),
    FIELD(14, sysenter_cs, 0, 0x1230),
    FIELD(14, sysenter_sp, 0, (nova_word)0x00007f1209abc000),
    FIELD(14, sysenter_ip, 0, (nova_word)0x00007f120abcd000),
    FIELD(15, qual[0], FIXED, ~0ull),
    FIELD(15, qual[1], FIXED, ~0ull),
    FIELD(17, inj, STOPPED, 0x1234567880000b0e),
    FIELD(18, intr_state, SVM | NO_QEMU, 1),
    FIELD(18, intr_state, VMX, 2),
    FIELD(18, actv_state, VMX | STOPPED, 1),
    FIELD(21, pdpte[0], EPT | STOPPED, 0x1001),
    FIELD(21, pdpte[1], EPT | STOPPED, 0x2001),
    FIELD(21, pdpte[2], EPT | STOPPED, 0x3001),
    FIELD(21, pdpte[3], EPT | STOPPED, 0x4001),
    FIELD(25, tsc_aux, 0, 0x12345678),
    FIELD(26, xss, FIXED, ~0ull),
#ifdef __x86_64__
    FIELD(12, cr8, SVM, 9),
    FIELD(20, efer, 0, 0x801),
    FIELD(22, r8, 0, 0x1111),
    FIELD(22, r9, 0, 0x2222),
    FIELD(22, r10, 0, 0x3333),
    FIELD(22, r11, 0, 0x4444),
    FIELD(22, r12, 0, 0x5555),
    FIELD(22, r13, 0, 0x6666),
    FIELD(22, r14, 0, 0x7777),
    FIELD(22, r15, 0, 0x8888),
    FIELD(23, star, 0, 0x123456789abcdef0),
    FIELD(23, lstar, 0, 0x00007f120bcde000),
    FIELD(23, cstar, 0, 0x00007f120cdef000),
    FIELD(23, sfmask, 0, 0x47700),
    FIELD(23, kernel_gs_base, 0, 0x00007f120def0000),
    FIELD(24, tpr, VMX, 0x50),
    FIELD(24, tpr_threshold, VMX, 5),
#endif
};
enum { FIELDS = sizeof fields / sizeof fields[0], LAST_BIT = 26 };

static struct nova_state before; /* as the first event delivered it */
static int stopped;
static unsigned bit; /* of the transfer that is under way */
static int changed;  /* it has changed something; the next one puts it back */

static int applies(const struct field *field)
{
    int where = field->where;
    if ((where & SVM && !is_svm) || (where & (VMX | EPT) && is_svm) || (where & EPT && has_vtlb))
        return 0;
    return stopped || !(where & STOPPED || (where & NO_QEMU && in_qemu) || (where & NO_BOCHS && is_svm && !in_qemu && !has_vtlb));
}

static uint64_t field_read(const struct nova_state *state, const struct field *field)
{
    uint64_t value = 0;
    memcpy(&value, (const char *)state + field->offset, field->size);
    return value;
}

/* The fields of the bit, in the middle of nonsense. */
static void put(struct nova_state *state)
{
    memset(state, 0xa5, sizeof *state);
    state->mtd = (nova_word)1 << bit;
    for (unsigned pass = 0; pass < 2; pass++) /* first all as it was: a field may be there twice */
        for (unsigned i = 0; i < FIELDS; i++) {
            uint64_t value = field_read(&before, &fields[i]) ^ (pass && changed ? fields[i].change : 0);
            if (fields[i].bit == bit && (!pass || applies(&fields[i])))
                memcpy((char *)state + fields[i].offset, &value, fields[i].size);
        }
    if (bit == 15) /* beside what an item of the reply would need */
        state->qual[0] = state->qual[1] = ~0ull;
}

static void compare(const struct nova_state *state)
{
    static const char *const names[LAST_BIT + 1] = {
        "mtd 0: ax cx dx bx", "mtd 1: bp si di", "mtd 2: sp",         "mtd 3: ip",       "mtd 4: flags",
        "mtd 5: ds es",       "mtd 6: fs gs",    "mtd 7: cs ss",      "mtd 8: tr",       "mtd 9: ldtr",
        "mtd 10: gdtr",       "mtd 11: idtr",    "mtd 12: cr",        "mtd 13: dr7",     "mtd 14: sysenter",
        "mtd 15: qual",       "mtd 16",          "mtd 17: inj",       "mtd 18: states",  "mtd 19",
        "mtd 20: efer",       "mtd 21: pdpte",   "mtd 22: r8 to r15", "mtd 23: syscall", "mtd 24: tpr",
        "mtd 25: tsc_aux",    "mtd 26: xss"};
    unsigned wrong = 0;
    for (unsigned i = 0; i < FIELDS; i++) {
        const struct field *field = &fields[i];
        uint64_t mine = field->bit == bit && changed && !(field->where & FIXED) ? field->change : 0;
        uint64_t mask = field->size == 8 ? ~0ull : (1ull << 8 * field->size) - 1;
        uint64_t got = field_read(state, field), want = (field_read(&before, field) ^ mine) & mask;
        if (!applies(field) || got == want)
            continue;
        wrong++;
        nova_printf("# field at 0x%x of bit %u: 0x%llx instead of 0x%llx\n", field->offset, field->bit, (unsigned long long)got,
                    (unsigned long long)want);
    }
    if (wrong || changed)
        check(names[bit], wrong, 0);
}

/* The next transfer; 0 = there is none. */
static int next(void)
{
    changed = !changed;
    if (!changed)
        return 1;
    for (bit++; bit <= LAST_BIT; bit++)
        for (unsigned i = 0; i < FIELDS; i++)
            if (fields[i].bit == bit && applies(&fields[i]))
                return 1;
    return 0;
}

static void begin(const struct nova_state *state)
{
    before = *state;
    bit = ~0u;
    changed = 0;
}

static void (*mode)(struct nova_state *state);

static void reply_action(unsigned event, struct nova_utcb *utcb)
{
    if (event == NOVA_VM_STARTUP) {
        mode(&utcb->state);
        return;
    }
    if (event != EVENT_CPUID) {
        check("transfer: the guest lives", event, EVENT_CPUID);
        guest_done();
    }
    if (event_count[EVENT_CPUID] == 1)
        begin(&last_state);
    else
        compare(&last_state);
    if (!next())
        guest_done();
    put(&utcb->state);
}

static nova_word alarm;

static void stopped_action(unsigned event, struct nova_utcb *utcb)
{
    if (event == NOVA_VM_STARTUP)
        mode(&utcb->state);
    else if (event == NOVA_VM_RECALL) {
        check("state of a stopped guest: the recall comes first", event_count[EVENT_CPUID], 1);
        guest_done();
    } else {
        nova_sm_up(alarm + 1);
        nova_reply(alarm);
    }
}

static void transfer_stopped(const uint8_t *code, size_t size)
{
    const nova_word all = ((nova_word)NOVA_MTD_XSAVE << 1) - 1;
    struct nova_state *state = &((struct nova_utcb *)NOVA_ROOT_UTCB_ADDRESS)->state;
    unsigned refused = 0;
    alarm = nova_selectors(2, 2);
    nova_create_sm(alarm, nova_pd, 0);
    nova_create_sm(alarm + 1, nova_pd, 0);
    guest_start(code, size, stopped_action);
    nova_sm_down(alarm + 1, 0, 0);
    refused += nova_ec_get_state(vm_ec, all) != NOVA_SUCCESS;
    begin(state);
    while (next()) {
        put(state);
        refused += nova_ec_set_state(vm_ec, 1) != NOVA_SUCCESS;
        refused += nova_ec_get_state(vm_ec, all) != NOVA_SUCCESS;
        compare(state);
    }
    check("state of a stopped guest: get and set", refused, 0);
    nova_sm_up(alarm);
    guest_wait("state of a stopped guest");
    guest_end();
}

void test_transfer(void)
{
    static uint8_t code[256];
    for (unsigned i = 0; i < sizeof code; i += 2)
        code[i] = 0x0f, code[i + 1] = 0xa2;
    for (unsigned i = 0; i < sizeof(nova_word) / 4; i++)
        for (stopped = 0; stopped < 2; stopped++) {
            mode = i ? state_flat : state_long;
            if (stopped)
                transfer_stopped(code, sizeof code);
            else
                guest_run("transfer", code, sizeof code, reply_action);
        }
}
