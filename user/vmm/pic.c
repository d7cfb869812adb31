/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pair of 8259A interrupt controllers (Intel 8259A data sheet): edge and level triggering, fixed priorities, specific, non-specific and automatic end of interrupt;
 * no special modes. The second one hangs on line 2 of the first.
 */
#include "vmm.h"

enum { MASTER_COMMAND = 0x20, SLAVE_COMMAND = 0xa0, LEVEL_MASTER = 0x4d0 };
enum { COMMAND_INIT = 0x10, COMMAND_OCW3 = 8, INIT_SINGLE = 2, INIT_NEEDS_4 = 1, AUTO_END = 2, SPURIOUS = 7 };
enum { STEP_READY, STEP_BASE, STEP_CASCADE, STEP_MODE };

/* Highest request that nothing in service holds up; -1: none. */
static int winner(const struct pic *pic)
{
    unsigned waiting = pic->requests & (uint8_t)~pic->mask;
    unsigned lowest = waiting & -waiting, busy = pic->in_service & -(unsigned)pic->in_service;
    if (!lowest || (busy && busy <= lowest))
        return -1;
    return __builtin_ctz(lowest);
}

static void pic_input(struct pic *pic, unsigned line, int level)
{
    uint8_t bit = (uint8_t)(1 << line);
    if (pic->level & bit)
        pic->requests = (uint8_t)(level ? pic->requests | bit : pic->requests & ~bit);
    else if (level && !(pic->lines & bit))
        pic->requests |= bit;
    else if (!level)
        pic->requests &= (uint8_t)~bit; /* a request that goes away before it is taken is forgotten */
    pic->lines = (uint8_t)(level ? pic->lines | bit : pic->lines & ~bit);
}

static void cascade(struct vm *vm)
{
    struct pic *master = &vm->pic[0];
    int wanted = winner(&vm->pic[1]) >= 0;
    if (!wanted)
        pic_input(master, IRQ_CASCADE, 0);
    else if (!(master->requests & 1 << IRQ_CASCADE)) {
        pic_input(master, IRQ_CASCADE, 0);
        pic_input(master, IRQ_CASCADE, 1);
    }
}

void pic_reset(struct vm *vm)
{
    memset(vm->pic, 0, sizeof vm->pic);
    vm->pic[0].mask = vm->pic[1].mask = 0xff;
    vm->pic[0].base = 8;
    vm->pic[1].base = 0x70;
}

void pic_line(struct vm *vm, unsigned irq, int level)
{
    pic_input(&vm->pic[irq >> 3], irq & 7, level);
    cascade(vm);
    vm_interrupt(vm);
}

int pic_waits(const struct vm *vm) { return winner(&vm->pic[0]) >= 0; }

static int pic_acknowledge(struct pic *pic)
{
    int line = winner(pic);
    if (line < 0)
        return pic->base + SPURIOUS;
    if (!(pic->level & 1 << line))
        pic->requests &= (uint8_t) ~(1 << line);
    if (!pic->auto_end)
        pic->in_service |= (uint8_t)(1 << line);
    return pic->base + line;
}

int pic_take(struct vm *vm)
{
    int vector;
    if (!pic_waits(vm))
        return -1;
    vector = pic_acknowledge(&vm->pic[0]);
    if (vector == vm->pic[0].base + IRQ_CASCADE)
        vector = pic_acknowledge(&vm->pic[1]);
    cascade(vm);
    return vector;
}

uint8_t pic_read(struct vm *vm, uint16_t port)
{
    struct pic *pic = &vm->pic[port >> 7 & 1];
    if (port >= LEVEL_MASTER)
        return vm->pic[port & 1].level;
    if (port & 1)
        return pic->mask;
    return pic->read_service ? pic->in_service : pic->requests;
}

static void command(struct pic *pic, uint8_t value)
{
    if (value & COMMAND_INIT) {
        uint8_t level = pic->level, lines = pic->lines;
        memset(pic, 0, sizeof *pic);
        pic->level = level;
        pic->lines = lines;
        pic->step = STEP_BASE;
        pic->init = value & (INIT_SINGLE | INIT_NEEDS_4);
    } else if (value & COMMAND_OCW3) {
        if (value & 2)
            pic->read_service = value & 1;
    } else if (value >> 5 == 1) {
        pic->in_service &= (uint8_t)(pic->in_service - 1); /* non-specific: the highest */
    } else if (value >> 5 == 3) {
        pic->in_service &= (uint8_t) ~(1 << (value & 7));
    }
}

static void setting(struct pic *pic, uint8_t value)
{
    switch (pic->step) {
    case STEP_BASE:
        pic->base = value & 0xf8;
        pic->step = !(pic->init & INIT_SINGLE) ? STEP_CASCADE : pic->init & INIT_NEEDS_4 ? STEP_MODE : STEP_READY;
        break;
    case STEP_CASCADE: pic->step = pic->init & INIT_NEEDS_4 ? STEP_MODE : STEP_READY; break;
    case STEP_MODE:
        pic->auto_end = value & AUTO_END;
        pic->step = STEP_READY;
        break;
    default: pic->mask = value;
    }
}

void pic_write(struct vm *vm, uint16_t port, uint8_t value)
{
    struct pic *pic = &vm->pic[port >> 7 & 1];
    if (port >= LEVEL_MASTER)
        vm->pic[port & 1].level = value;
    else if (port & 1)
        setting(pic, value);
    else
        command(pic, value);
    cascade(vm);
    vm_interrupt(vm);
}
