/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ec_ctrl 8: the list of register operations in the UTCB (abi.md section 10).
 */
#include "scenario.h"

enum { SEL_REGISTERS = 32 + NOVA_ROOT_MSR_SM, COPY = 0x200 };
static const word write_bit = 1 << 29;

static struct nova_utcb *utcb(void) { return utcb_at(0, NOVA_ROOT_UTCB_ADDRESS); }

static word access(unsigned words)
{
    utcb()->items = nova_items(words, 0);
    return hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_MSR, SEL_REGISTERS), 0, 0, 0, 0);
}

TEST(registers_read_and_write)
{
    machine_boot(1);
    word *mr = utcb()->mr;
    mr[0] = REGISTER_CONSTANT;
    mr[1] = REGISTER_VARIABLE | write_bit;
    mr[2] = 0x77;
    mr[3] = REGISTER_VARIABLE;
    mr[4] = 0x1234;                        /* unknown */
    mr[5] = REGISTER_CONSTANT | write_bit; /* read only */
    mr[6] = 1;
    mr[7] = REGISTER_CONSTANT;
    mr[8] = 0x5a5a; /* beyond the count */
    CHECK_EQ(access(8), NOVA_SUCCESS);
    CHECK_EQ(utcb()->items, 1 << 0 | 1 << 1 | 1 << 2 | 1 << 5);
    CHECK_EQ(mr[0], REGISTER_VALUE);
    CHECK_EQ(mr[2], 0x77);
    CHECK_EQ(mr[3], 0x77);
    CHECK_EQ(mr[4], 0x1234);
    CHECK_EQ(mr[6], 1);
    CHECK_EQ(mr[7], REGISTER_VALUE);
    CHECK_EQ(mr[8], 0x5a5a);
}

TEST(registers_counts)
{
    machine_boot(1);
    word *mr = utcb()->mr;
    CHECK_EQ(access(0), NOVA_SUCCESS);
    CHECK_EQ(utcb()->items, 0);
    /* A write without its value. */
    mr[0] = REGISTER_VARIABLE | write_bit;
    mr[1] = 0x99;
    CHECK_EQ(access(1), NOVA_SUCCESS);
    CHECK_EQ(utcb()->items, 0);
    mr[0] = REGISTER_VARIABLE;
    CHECK_EQ(access(1), NOVA_SUCCESS);
    CHECK_EQ(mr[0], 0);
    /* 63 words are looked at, whatever the count says. */
    for (unsigned i = 0; i < 70; i++)
        mr[i] = REGISTER_CONSTANT;
    CHECK_EQ(access(0xffff), NOVA_SUCCESS);
    CHECK_EQ(utcb()->items, ~(word)0 >> 1);
    CHECK_EQ(mr[62], REGISTER_VALUE);
    CHECK_EQ(mr[63], REGISTER_CONSTANT);
    /* The last word is a write's number. */
    for (unsigned i = 0; i < 70; i++)
        mr[i] = REGISTER_VARIABLE | write_bit;
    CHECK_EQ(access(63), NOVA_SUCCESS);
    CHECK_EQ(utcb()->items, ~(word)0 >> (64 - 31));
}

TEST(registers_need_roots_semaphore)
{
    machine_boot(1);
    CHECK_EQ(create_sm(0, COPY, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_MSR, COPY), 0, 0, 0, 0), NOVA_BAD_CAP);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_MSR, COPY + 1), 0, 0, 0, 0), NOVA_BAD_CAP);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_MSR, 32 + NOVA_ROOT_SUSPEND_SM), 0, 0, 0, 0), NOVA_BAD_CAP);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_MSR, SEL_EC), 0, 0, 0, 0), NOVA_BAD_CAP);
    /* A copy of it, with any permission, is as good. */
    CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, SEL_PD, nova_crd(NOVA_CRD_OBJ, SEL_REGISTERS, 0, NOVA_SM_UP_PERM),
                      nova_control(NOVA_ITEM_DELEGATE, 0), nova_crd(NOVA_CRD_OBJ, COPY + 1, 0, 31)),
             NOVA_SUCCESS);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_MSR, COPY + 1), 0, 0, 0, 0), NOVA_SUCCESS);
}
