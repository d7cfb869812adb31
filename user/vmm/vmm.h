/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small virtual-machine monitor: parts and who touches what. A machine (struct vm) has RAM, the devices of a PC that boot loaders and small systems ask for, and one
 * or two virtual CPUs. Each virtual CPU has a handler EC on its own CPU, with one portal for each event. The supervisor, a thread of higher priority on the boot CPU,
 * starts and ends machines and fires their timers. Devices and interrupt state of a machine belong to who holds its lock.
 */
#ifndef USER_VMM_H
#define USER_VMM_H

#include <user/lib/console.h>
#include <user/lib/item.h>
#include <user/lib/memory.h>
#include <user/lib/string.h>
#include <user/lib/task.h>
#include <user/lib/x86.h>

#include "board.h"
#include "devices.h"

enum { VMS = 4, VCPUS = 2, PAGE = 4096, LINE = 160 };

struct vm;

struct vcpu {
    struct vm *vm;
    unsigned number, cpu;
    struct nova_thread *handler;
    nova_word portals, drain; /* selectors: NOVA_EVENTS_VM event portals, and the one that does nothing */
    nova_word ec;             /* its SC is at ec + 2 */
    nova_word wake;           /* semaphore that it waits on after HLT */
    int runs;                 /* it has an SC */
    int halted, deaf;         /* waits for an interrupt; with interrupts off */
    volatile int asked_where; /* its next recall says where it is */
    uint32_t doorbell[8];     /* vectors that others have sent */
    nova_word start;          /* first instruction */
    uint64_t pat, apic_base;  /* MSRs without effect here */
    unsigned cr8;
    unsigned exits;
};

enum vm_state { VM_OFF, VM_RUNS, VM_ENDED };

/* A program for a machine: a boot module. */
struct guest {
    char line[LINE], name[24];
    const uint8_t *image;
    nova_word size;
    unsigned vcpus, limit_s, megabytes;
};

struct vm {
    unsigned number;
    nova_word pd, lock, hold, freed; /* hold: nobody raises it; freed: raised when the kernel has freed a machine's virtual CPUs */
    int lock_count;
    struct vcpu vcpu[VCPUS];
    const struct guest *guest;
    uint8_t *ram;
    nova_word ram_size, ram_room;
    int real_mode;
    nova_word boot_ax, boot_bx; /* registers of the first virtual CPU */
    volatile enum vm_state state;
    int status; /* what the guest ended with; -1: it could not go on */
    uint64_t limit;
    struct uart uart;
    struct pic pic[2];
    struct pit pit;
    struct rtc rtc;
    char text[LINE];
    unsigned text_length;
    int quiet;
};

extern int is_svm;
extern nova_word supervisor_wake;
nova_word crash_portals(unsigned cpu);

/* lock.c: no holder of a lock is ever killed, and after the death of a machine its handlers do not wait for each other. */
void vm_lock(struct vm *vm);
void vm_unlock(struct vm *vm);
void vm_lock_break(struct vm *vm);
int vm_lock_create(struct vm *vm);

/* vm.c: a place for machines, made once, on two CPUs; starting a guest in it; ending it, after which nothing of it is left. */
int vm_create(struct vm *vm, unsigned number, const unsigned *cpus, nova_word ram_room);
int vm_start(struct vm *vm, const struct guest *guest);
void vm_stop(struct vm *vm);

/* vcpu.c */
int vcpu_create(struct vcpu *vcpu);
enum nova_status vcpu_run(struct vcpu *vcpu);
void vcpu_kick(struct vcpu *vcpu);
/* Prints where it is, for a guest that does not come to its end. */
void vcpu_ask(struct vcpu *vcpu);
/* An interrupt that waits: its vector, which counts as delivered then; -1: none. */
int interrupt_take(struct vcpu *vcpu);
int interrupt_waits(const struct vcpu *vcpu);
/* Interrupts of the PIC have changed: the first virtual CPU hears of it. */
void vm_interrupt(struct vm *vm);
/* The machine is over; the supervisor does the rest. From a handler of it: does not return. */
__attribute__((noreturn)) void vcpu_end(struct vcpu *vcpu, int status);
/* The same with the reason and the state that the event delivered. */
__attribute__((noreturn)) void vcpu_fail(struct vcpu *vcpu, const struct nova_state *state, const char *why);

/* exits.c: portals of all events of a virtual CPU. */
enum nova_status exits_create(struct vcpu *vcpu);

/* finish.c: after an instruction that the monitor has done, and injection. svm_length: where the hardware does not say the length. */
void state_finish(struct nova_state *state, unsigned svm_length);
void state_inject(struct nova_state *state, unsigned type, unsigned vector, int error);
void state_offer(struct vcpu *vcpu, struct nova_state *state);
enum { INJECT_INTERRUPT = 0, INJECT_EXCEPTION = 3, INJECT_SOFTWARE = 4, INJECT_TRAP = 6 };
enum { EXCEPTION_DB = 1, EXCEPTION_UD = 6, EXCEPTION_TS = 10, EXCEPTION_GP = 13, EXCEPTION_PF = 14, EXCEPTION_AC = 17 };
enum { FLAGS_TF = 1 << 8, FLAGS_IF = 1 << 9, FLAGS_DF = 1 << 10, FLAGS_NT = 1 << 14, FLAGS_VM = 1 << 17 };

/* io.c, strings.c: port instructions. */
struct io {
    uint16_t port;
    uint8_t size, in, string, repeat; /* bytes; the others are flags */
    nova_word next;                   /* IP behind the instruction */
};
void io_exit(struct vcpu *vcpu, struct nova_state *state);
void io_string(struct vcpu *vcpu, struct nova_state *state, const struct io *io);
uint32_t port_access(struct vcpu *vcpu, const struct io *io, uint32_t value);

/* features.c: CPUID and MSRs. */
void cpuid_exit(struct vcpu *vcpu, struct nova_state *state);
void msr_exit(struct vcpu *vcpu, struct nova_state *state, int write);
void xsetbv_exit(struct vcpu *vcpu, struct nova_state *state);
enum {
    MSR_MTD = NOVA_MTD_GPR_ACDB | NOVA_MTD_SYSENTER | NOVA_MTD_TSC | NOVA_MTD_TSC_AUX | NOVA_MTD_CR |
              (NOVA_WORD_BITS == 64 ? NOVA_MTD_EFER | NOVA_MTD_SYSCALL : 0) /* what an MSR may be about */
};

/* registers.c: control registers, VMX. */
void control_register_exit(struct vcpu *vcpu, struct nova_state *state);

/* task.c, VMX and the vTLB of SVM: the hardware leaves task switches to the monitor. */
void task_switch(struct vcpu *vcpu, struct nova_state *state);

/* translate.c: guest memory. Linear addresses are translated by the guest's own tables; 0 = the guest gets a page fault, which is in the state. */
void *guest_memory(struct vm *vm, uint64_t physical, nova_word bytes);
int guest_access(struct vm *vm, struct nova_state *state, nova_word linear, void *data, unsigned bytes, int write);

/* initial.c */
void state_initial(const struct vcpu *vcpu, struct nova_state *state);

/* load.c, modules.c: finds out what the image is and puts it into RAM; 0: it cannot, and has said why. */
int guest_load(struct vm *vm);
int guests_find(struct guest *guests, unsigned room);
/* serial.c: the guest's output, line by line. */
void vm_put(struct vm *vm, char c);
void vm_flush(struct vm *vm);

#endif
