/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 10: the list of MSR operations of ec_ctrl 8. What of it the CPU has differs; what it has not announced, and all else, must fail.
 */
#include "abi.h"

enum { VALUE_WORDS = sizeof(uint64_t) / sizeof(nova_word), LOOKED_AT = 8 * sizeof(nova_word) - 1, CHUNK = LOOKED_AT / VALUE_WORDS };
static const nova_word write_bit = 1 << 29;

enum vendor { ANY, INTEL, AMD };
enum cpuid_register { AX, CX, DX };

/* Names and conditions: Intel SDM volume 4, AMD APM volume 2. Where CPUID does not say (leaf 0): only the vendor. */
static const struct {
    uint32_t msr, leaf;
    uint8_t vendor, reg, bit;
} allowed[] = {
    {0xe7, 6, ANY, CX, 0},
    {0xe8, 6, ANY, CX, 0},
    {0x19c, 1, INTEL, DX, 22},
    {0x1b1, 6, INTEL, AX, 6},
    {0x1a2, 0, INTEL, AX, 0},
    {0x1b0, 6, INTEL, CX, 3},
    {0x770, 6, INTEL, AX, 7},
    {0x771, 6, INTEL, AX, 7},
    {0x772, 6, INTEL, AX, 11},
    {0x774, 6, INTEL, AX, 7},
    {0x3f8, 0, INTEL, AX, 0},
    {0x3f9, 0, INTEL, AX, 0},
    {0x3fa, 0, INTEL, AX, 0},
    {0x3fc, 0, INTEL, AX, 0},
    {0x3fd, 0, INTEL, AX, 0},
    {0x3fe, 0, INTEL, AX, 0},
    {0x60d, 0, INTEL, AX, 0},
    {0x630, 0, INTEL, AX, 0},
    {0x631, 0, INTEL, AX, 0},
    {0x632, 0, INTEL, AX, 0},
    {0x660, 0, INTEL, AX, 0},
    {0x606, 0, INTEL, AX, 0},
    {0x611, 0, INTEL, AX, 0},
    {0x619, 0, INTEL, AX, 0},
    {0x639, 0, INTEL, AX, 0},
    {0x641, 0, INTEL, AX, 0},
    {0x64d, 0, INTEL, AX, 0},
    {0x614, 0, INTEL, AX, 0},
    {0x61c, 0, INTEL, AX, 0},
    {0x613, 0, INTEL, AX, 0},
    {0x61b, 0, INTEL, AX, 0},
    {0x63a, 0, INTEL, AX, 0},
    {0x642, 0, INTEL, AX, 0},
    {0x60a, 0, INTEL, AX, 0},
    {0x60b, 0, INTEL, AX, 0},
    {0x3fb, 0, INTEL, AX, 0},
    {0xc0010061, 0x80000007, AMD, DX, 7},
    {0xc0010062, 0x80000007, AMD, DX, 7},
    {0xc0010063, 0x80000007, AMD, DX, 7},
};

static nova_word msr_sm(void) { return nova_hip->sel_exc + NOVA_ROOT_MSR_SM; }

static enum vendor vendor(void)
{
    uint32_t name = nova_cpuid(0).bx;
    return name == 0x756e6547 ? INTEL : name == 0x68747541 || name == 0x6f677948 ? AMD : ANY;
}

static int may_work(uint32_t msr)
{
    for (unsigned i = 0; i < sizeof(allowed) / sizeof(*allowed); i++) {
        struct nova_cpuid r;
        if (allowed[i].msr != msr)
            continue;
        if (allowed[i].vendor != ANY && allowed[i].vendor != vendor())
            return 0;
        if (!allowed[i].leaf)
            return 1;
        if (nova_cpuid(allowed[i].leaf & 0xc0000000).ax < allowed[i].leaf)
            return 0;
        r = nova_cpuid(allowed[i].leaf);
        return (allowed[i].reg == AX ? r.ax : allowed[i].reg == CX ? r.cx : r.dx) >> allowed[i].bit & 1;
    }
    return 0;
}

/* Makes the operations in the first words of the UTCB; returns the mask of those that worked. */
static nova_word operate(unsigned words)
{
    root_utcb->items = nova_items(words, 0);
    return nova_ec_msr(msr_sm()) == NOVA_SUCCESS ? root_utcb->items : (nova_word)0xbad << 20;
}

static unsigned write_put(unsigned at, uint32_t msr, uint64_t value)
{
    root_utcb->mr[at++] = msr | write_bit;
    for (unsigned i = 0; i < VALUE_WORDS; i++)
        root_utcb->mr[at++] = (nova_word)(value >> 32 * i);
    return at;
}

static unsigned works, read_wrongly;

static void read_all(uint32_t first, uint32_t count)
{
    for (uint32_t done = 0; done < count; done += CHUNK) {
        nova_word mask;
        for (unsigned i = 0; i < CHUNK; i++) {
            root_utcb->mr[i * VALUE_WORDS] = first + done + i;
            root_utcb->mr[i * VALUE_WORDS + VALUE_WORDS - 1] = VALUE_WORDS == 1 ? first + done + i : 0;
        }
        mask = operate(CHUNK * VALUE_WORDS);
        for (unsigned i = 0; i < CHUNK; i++) {
            if (!(mask >> i & 1))
                continue;
            works++;
            if (!may_work(first + done + i))
                read_wrongly++;
        }
        if (mask >> CHUNK)
            read_wrongly++;
    }
}

static void test_reading(void)
{
    char text[60];

    read_all(1, 0x2000);
    read_all(0xc0000000, 0x400);
    read_all(0xc0010000, 0x400);
    read_all(0x80000000, 0x80);
    check("only what is listed and announced can be read", read_wrongly, 0);
    nova_format(text, sizeof(text), "%u MSRs can be read here", works);
    remark(text);
    root_utcb->mr[0] = 0x10;
    root_utcb->mr[1] = 0x1234;
    check("a refused read", operate(VALUE_WORDS), 0);
    check("leaves the words alone", root_utcb->mr[0], 0x10);
#ifdef __x86_64__
    root_utcb->mr[0] = (nova_word)1 << 32 | 0xe7;
    check("numbers have 32 bits", operate(1), 0);
#endif
}

static void test_writing(void)
{
    static const uint32_t numbers[] = {0xe7,       0xe8,       0x10,       0x1b,       0x174,      0x277,      0x19c, 0x771,
                                       0xc0000080, 0xc0000082, 0xc0000102, 0xc0010061, 0xc0010063, 0xc0010015, 0x606, 0x611};
    unsigned worked = 0;

    for (unsigned i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        worked += operate(write_put(0, numbers[i], 0)) != 0;
    check("what is read only, or not listed, cannot be written", worked, 0);
    check("a write without its value", (write_put(0, 0, 0), operate(VALUE_WORDS)), 0);
}

/* Pseudo-register 0: the hint for idle. It works where idle uses MWAIT at all, which is for the kernel to say. */
static void test_hint(void)
{
    int monitor = nova_cpuid(1).cx >> 3 & 1;
    nova_word first = operate(write_put(0, 0, 0x10)), again;
    unsigned at;

    check_true("idle hint: works or does not", first == 0 || first == 1);
    check_true("not without MWAIT", monitor || !first);
    remark(first ? "idle waits with MWAIT" : "idle does not use MWAIT");
    root_utcb->mr[0] = root_utcb->mr[1] = 0;
    check("the hint cannot be read", operate(VALUE_WORDS), 0);
    sleep_ms(20);
    check_true("with another hint idle still wakes", 1);
    /* Operations count one by one, whatever their length: a refused read, the hint, a refused write, the hint. */
    root_utcb->mr[0] = 0x10;
    root_utcb->mr[1] = 0;
    at = write_put(VALUE_WORDS, 0, 0);
    at = write_put(at, 0x10, 0);
    at = write_put(at, 0, 0);
    again = operate(at);
    check("bit k tells about operation k", again, first ? 0xa : 0);
    at = 0;
    while (at + 1 + VALUE_WORDS <= LOOKED_AT)
        at = write_put(at, 0, 0);
    write_put(at, 0, 0);
    again = operate(NOVA_UTCB_WORDS);
    check("words beyond the first 63 or 31 are not looked at", again,
          first ? ((nova_word)1 << LOOKED_AT / (1 + VALUE_WORDS)) - 1 : 0);
    check("no words", operate(0), 0);
}

static void test_right(void)
{
    nova_word copy = new_selector();

    check("with the suspend semaphore", nova_ec_msr(nova_hip->sel_exc + NOVA_ROOT_SUSPEND_SM), NOVA_BAD_CAP);
    check("with an EC", nova_ec_msr(nova_hip->sel_exc + NOVA_ROOT_EC), NOVA_BAD_CAP);
    check("with nothing", nova_ec_msr(copy), NOVA_BAD_CAP);
    grant(nova_pd, nova_pd, object(msr_sm(), NOVA_SM_UP_PERM), nova_control(NOVA_ITEM_DELEGATE, 0), objects(copy, 0));
    root_utcb->items = 0;
    check("with a delegated MSR semaphore", nova_ec_msr(copy), NOVA_SUCCESS);
    drop(copy, 0);
}

void test_msr(void)
{
    section("10.msr_read");
    test_reading();
    section("10.msr_write");
    test_writing();
    section("10.msr_hint");
    test_hint();
    section("10.msr_right");
    test_right();
}
