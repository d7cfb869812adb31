/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whatever a monitor replies, the machine lives: random states, some of them all random, others good but for a few fields. Guests that do get somewhere run in
 * pages of random code; a recall ends what runs for too long.
 */
#include "vcpu.h"

static uint64_t seed = 0x9e3779b97f4a7c15;
static unsigned left, ready;
enum { TRAP_FLAG = 1 << 27 }; /* of VMX: SDM vol. 3, 25.5.2 */

static uint64_t random_word(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void scramble(void *at, size_t size)
{
    for (size_t i = 0; i < size; i += 4)
        *(uint32_t *)((char *)at + i) = (uint32_t)(random_word() >> 16);
}

static void state_random(struct nova_state *state)
{
    const nova_word mtd = (((nova_word)NOVA_MTD_XSAVE << 1) - 1) | NOVA_MTD_FPU;
    size_t size = sizeof *state - offsetof(struct nova_state, ip);
    switch (random_word() >> 20 & 3) {
    case 0: scramble(&state->ip, size); break;
    case 1: state_real_mode(state); break;
    case 2: state_flat(state); break;
    default: state_long(state);
    }
    for (unsigned i = random_word() >> 8 & 7; i; i--)
        scramble((char *)&state->ip + (uint32_t)(random_word() >> 11) % (uint32_t)(size / 4) * 4, 4);
    if (random_word() >> 9 & 1)
        state->ctrl[1] |= 1; /* most are to get past the VMRUN intercept */
    /* Bochs: a guest that spins with interrupts off is not interrupted. So each instruction exits where the processor can do that, and else it enters with interrupts on. */
    if (!is_svm) {
        state->flags |= 0x200;
        state->ctrl[0] |= TRAP_FLAG;
    }
    state->mtd = random_word() >> 30 & 7 || !ready ? mtd : (nova_word)random_word();
    ready = 1;
}

static void action(unsigned event, struct nova_utcb *utcb)
{
    (void)event;
    if (!left || !--left)
        guest_done();
    if (left % 1000 == 0)
        nova_printf("# %u to go\n", left);
    if (!(left & 15))
        scramble(guest_memory + CODE, 256);
    state_random(&utcb->state);
}

void test_garbage(unsigned rounds)
{
    static const uint8_t code[] = {0xf4};
    nova_word semaphore = nova_selectors(1, 1);
    nova_create_sm(semaphore, nova_pd, 0);
    left = rounds;
    guest_start(code, sizeof code, action);
    /* Wherever it gets, it stops there: QEMU's time stands still while code changes its own page again and again. */
    memset(guest_memory, code[0], GUEST_PAGES * PAGE);
    while (left) {
        unsigned before = left;
        nova_sm_down(semaphore, 0, nova_tsc() + nova_hip->tsc_khz);
        if (left == before)
            nova_ec_recall(vm_ec, 0);
    }
    guest_wait("garbage");
    guest_end();
    unsigned invalid = event_count[NOVA_VM_INVALID_STATE] + event_count[33] + event_count[34];
    nova_printf("# garbage: %u states, %u refused by the processor\n", rounds, invalid);
    check("garbage: some states are refused", invalid > rounds / 20, 1);
    check("garbage: some are not", invalid < rounds, 1);
}
