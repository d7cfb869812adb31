/* SPDX-License-Identifier: MIT */
/*
 * Stacks, threads and portal handlers. Every EC of this library runs on a stack of NOVA_STACK_SIZE bytes, aligned to its size,
 * with a struct nova_thread at its upper end: that is where the stack pointer starts, and how an EC finds itself.
 */
#ifndef NOVA_LIB_THREAD_H
#define NOVA_LIB_THREAD_H

#define NOVA_STACK_SIZE 8192
#define NOVA_THREAD_SIZE (16 * NOVA_LIB_WORD) /* of struct nova_thread; also for assembly */
#ifdef __x86_64__
#define NOVA_LIB_WORD 8
#else
#define NOVA_LIB_WORD 4
#endif
#define NOVA_THREAD_UTCB 0 /* offsets in struct nova_thread that start.S knows */
#define NOVA_THREAD_ENTRY NOVA_LIB_WORD
#define NOVA_THREAD_ARGUMENT (2 * NOVA_LIB_WORD)

#ifndef __ASSEMBLER__
#include <nova/utcb.h>
#include <user/lib/hypercall.h>

/* The upper end of a stack. */
struct nova_thread {
    struct nova_utcb *utcb;
    void (*entry)(void *argument); /* of a thread */
    void *argument;
    nova_word ec; /* its selector in the PD that created it; ec + 1 is kept for an OOM portal, ec + 2 its SC */
    unsigned long cpu;
    nova_word event_base;
    nova_word user[10]; /* free for the program: a handler's own counters, say */
};
NOVA_STATIC_ASSERT(sizeof(struct nova_thread) == NOVA_THREAD_SIZE, "start.S relies on it");
NOVA_STATIC_ASSERT(offsetof(struct nova_thread, entry) == NOVA_THREAD_ENTRY, "start.S relies on it");
NOVA_STATIC_ASSERT(offsetof(struct nova_thread, argument) == NOVA_THREAD_ARGUMENT, "start.S relies on it");

/* The nova_thread of a stack. */
static inline struct nova_thread *nova_stack_thread(void *stack)
{
    return (struct nova_thread *)((char *)stack + NOVA_STACK_SIZE) - 1;
}

/* The running EC's own. */
static inline struct nova_thread *nova_self(void)
{
    nova_word sp;
#ifdef __x86_64__
    __asm__ volatile("mov %%rsp, %0" : "=r"(sp));
#else
    __asm__ volatile("mov %%esp, %0" : "=r"(sp));
#endif
    return nova_stack_thread((void *)(sp & ~(nova_word)(NOVA_STACK_SIZE - 1)));
}

/* A page of addresses for a UTCB; the kernel puts the page there when the EC is created. Never the same one twice. */
struct nova_utcb *nova_utcb_address(void);

/* Makes the stack (aligned to its size; 0: take one from nova_allocate) usable on a CPU; 0 if there is no memory. */
struct nova_thread *nova_thread_prepare(void *stack, unsigned cpu);

/* Creates the local EC of a portal handler in `pd`; its portals are created with nova_portal_create. */
enum nova_status nova_handler_create(struct nova_thread *thread, nova_word pd, nova_word event_base);

/* Creates a portal at `selector` that enters `entry` (made by NOVA_PORTAL) on the handler's EC, and sets its id. `pd` pays. */
enum nova_status nova_portal_create(nova_word selector, nova_word pd, const struct nova_thread *handler, nova_word mtd,
                                    void (*entry)(void), nova_word id);

/*
 * Creates a thread of this PD with its own SC; its first act is the startup event, so `event_base` needs the portals of
 * nova_events_create on the same CPU. `entry` may return: the thread then sleeps for good.
 */
enum nova_status nova_thread_start(struct nova_thread *thread, nova_word event_base, unsigned priority, nova_word quantum_us,
                                   void (*entry)(void *argument), void *argument);

/* Sleeps for good. */
__attribute__((noreturn)) void nova_park(void);

/*
 * Defines the code address `name` of a portal whose handler is the C function
 *     static void name_handler(nova_word id, struct nova_utcb *utcb)
 * The message is in utcb, what the function leaves there is the reply, returning from it sends it. The stack is then as it was.
 */
#ifdef __x86_64__
#define NOVA_PORTAL_JUMP(handler) "lea " #handler "(%rip), %rax\n\tjmp nova_portal_enter\n\t"
#else
#define NOVA_PORTAL_JUMP(handler) "mov $" #handler ", %ecx\n\tjmp nova_portal_enter\n\t"
#endif
/* clang-format off */
#define NOVA_PORTAL(name)                                                                                                          \
    void name(void);                                                                                                               \
    __attribute__((used)) static void name##_handler(nova_word id, struct nova_utcb *utcb);                                        \
    __asm__(".pushsection .text\n\t"                                                                                               \
            ".globl " #name "\n\t"                                                                                                 \
            ".type " #name ", @function\n"                                                                                         \
            #name ":\n\t"                                                                                                          \
            NOVA_PORTAL_JUMP(name##_handler)                                                                                       \
            ".size " #name ", . - " #name "\n\t"                                                                                   \
            ".popsection")
/* clang-format on */

/* Ends a portal handler from anywhere inside it: drops its stack and replies with what the UTCB holds. With a semaphore (not 0)
 * the caller is put to sleep on it, and repeats its call when woken. */
__attribute__((noreturn)) void nova_reply(nova_word semaphore);

/* start.S */
void nova_portal_enter(void);
void nova_thread_enter(void);
__attribute__((noreturn)) void nova_reply_at(void *sp, nova_word arg1);
#endif
#endif
