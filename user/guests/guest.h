/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frame of the guests: small programs without a system, in 16-, 32- or 64-bit mode (BITS), that check the virtual machine from inside. They print TAP over the serial port,
 * last "GUEST-END good" or "GUEST-END bad", and end the machine by its port. The same tests are compiled for every mode that they make sense in.
 */
#ifndef USER_GUESTS_H
#define USER_GUESTS_H

#include <stddef.h>
#include <stdint.h>

#include <user/vmm/board.h>

typedef unsigned long word;

/* TAP (report.c). */
void check(const char *name, word got, word want);
void remark(const char *text);
/* What this processor does not offer is no failure. */
void skip(const char *name, const char *why);
__attribute__((noreturn)) void finish(void);
/* The machine cannot go on: the last line says so. */
__attribute__((noreturn)) void give_up(const char *why);
void text_put(const char *text);
void number_put(word value);

/* A guest: it has interrupts off, traps set up, and its own stack. */
void guest_main(void);

/* Command line of a Multiboot guest (start32.S), else empty; number after `name=`. */
extern const char *command_line;
word option(const char *name, word otherwise);

/* Traps (traps.c, stubs*.S): exceptions, interrupts and software interrupts. */
enum { TRAPS = 96, IRQ_BASE = 0x20, SOFT = 0x50, NOTHING = 0xff };
struct trap {
    word vector, error, ip, flags, cr2, cs, count;
};
extern volatile struct trap trap;            /* the last one that was not of the PIC */
extern volatile word trap_resume;            /* not 0: where a trap goes on, once */
extern volatile unsigned trap_counts[TRAPS]; /* by vector */
extern volatile unsigned irq_counts[16];
void traps_init(void);
void trap_handler_set(unsigned vector, word address, unsigned type); /* a descriptor of the IDT; not in real mode */
enum { GATE_INTERRUPT = 0x8e, GATE_USER = 0xee, GATE_TASK = 0x85 };

#if BITS == 64
#define MOVE_RESUME "movq $1f, trap_resume\n\t"
#else
#define MOVE_RESUME "movl $1f, trap_resume\n\t"
#endif
/* The vector that an instruction traps with; NOTHING if it does not. */
#define TRIES(instruction, ...)                                                                                                    \
    ({                                                                                                                             \
        trap.vector = NOTHING;                                                                                                     \
        __asm__ volatile(MOVE_RESUME instruction "\n1:" __VA_ARGS__);                                                              \
        trap_resume = 0;                                                                                                           \
        trap.vector;                                                                                                               \
    })

/* Descriptors (descriptors.c), 32 and 64 bit. */
enum {
    CODE = 0x08,
    DATA = 0x10,
    USER_CODE_32 = 0x1b,
    USER_DATA = 0x23,
    USER_CODE_64 = 0x2b,
    TSS = 0x30,
    TSS_2 = 0x40,
    TSS_3 = 0x48,
    GDT = 12
};
extern uint64_t gdt[GDT];
void descriptors_init(void);
void descriptor_set(unsigned selector, word base, uint32_t limit, unsigned type);

/* Runs code with user rights until it traps: the trap is in `trap` (user*.S). */
void user_run(void (*entry)(void), void *stack_top);
extern volatile word user_by_sysret; /* not 0: by SYSRET or SYSEXIT instead of IRET */
extern uint8_t user_stack[4096];
void *memset(void *to, int value, size_t n);
void *memcpy(void *to, const void *from, size_t n);

/* The tests. */
void test_exceptions(void);
void test_step(void);
void test_step_over(void);
void test_breakpoints(void);
void test_interrupts(void);
void test_ports(void);
void test_processor(void);
void test_fpu(void);
void test_task(void);
void test_user(void);
void test_paging(void);
void test_double_fault(void);
void test_two(void);

/* Processor. */
static inline void outb(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory"); }
static inline void outl(uint16_t port, uint32_t value) { __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory"); }
static inline uint8_t inb(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}
static inline uint16_t inw(uint16_t port)
{
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}
static inline uint32_t inl(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}
static inline uint64_t rdtsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}
struct cpuid {
    uint32_t a, b, c, d;
};
static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid r;
    __asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(subleaf));
    return r;
}
static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}
static inline void wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}
#define REGISTER(name)                                                                                                             \
    static inline word name##_read(void)                                                                                           \
    {                                                                                                                              \
        word value;                                                                                                                \
        __asm__ volatile("mov %%" #name ", %0" : "=r"(value) : : "memory");                                                        \
        return value;                                                                                                              \
    }                                                                                                                              \
    static inline void name##_write(word value) { __asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory"); }
REGISTER(cr0)
REGISTER(cr2)
REGISTER(cr3)
REGISTER(cr4)
REGISTER(dr0)
REGISTER(dr6)
REGISTER(dr7)
static inline void interrupts_on(void) { __asm__ volatile("sti" : : : "memory"); }
static inline void interrupts_off(void) { __asm__ volatile("cli" : : : "memory"); }
/* Interrupts come just when the processor halts, and are off again afterwards. */
static inline void halt(void) { __asm__ volatile("sti; hlt; cli" : : : "memory"); }
static inline void invlpg(const volatile void *address) { __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory"); }

enum { CR0_PE = 1, CR0_MP = 2, CR0_EM = 4, CR0_TS = 8, CR0_NE = 1 << 5, CR0_WP = 1 << 16, CR0_AM = 1 << 18, CR0_CD = 1 << 30 };
#define CR0_PG ((word)1 << 31)
enum {
    CR4_TSD = 1 << 2,
    CR4_DE = 1 << 3,
    CR4_PSE = 1 << 4,
    CR4_PAE = 1 << 5,
    CR4_PGE = 1 << 7,
    CR4_FXSR = 1 << 9,
    CR4_XMM = 1 << 10,
    CR4_OSXSAVE = 1 << 18
};

#endif
