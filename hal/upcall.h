/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a port calls in core. Each entry runs on the CPU's kernel stack with interrupts off and the interrupted thread's registers in its frame, and
 * returns what to do next: a frame to resume (see enum frame_resume), or 0 = open a short interrupt window (interrupts on for at least one instruction, the
 * stack as empty as at entry) and then call kernel_continue. An interrupt in the window or in idle enters by the same functions; the interrupted kernel
 * context is given up. NMIs, double faults and machine checks do not come here.
 */
#ifndef HAL_UPCALL_H
#define HAL_UPCALL_H

#include "hal/boot_info.h"
#include "hal/frame.h"
#include "hal/mmu.h"

struct cpu; /* core's state of one CPU; the port keeps the pointer in its own per-CPU data */

/* The thread executed the hypercall instruction: frame->arg, ip, sp are set, resume = RESUME_HYPERCALL. */
struct frame *kernel_hypercall(struct cpu *cpu);

/*
 * Ways for hypercalls that happen all the time, by the low byte of ARG_1 (abi.md section 2). A port need not use them: kernel_hypercall does the same. Two kinds:
 *
 * kernel_quick_*: ends at once and the same thread goes on. Called with ARG_1 and ARG_2 before anything is saved in the frame. Result: the status for ARG_1, all other
 * registers as they were; or more, at least KERNEL_SLOW: the port saves the frame and calls, for an up or down, kernel_up or kernel_down with this result (it may stand
 * for a lock), otherwise kernel_hypercall. Not for a down to zero.
 *
 * kernel_call (hypercall 0), kernel_reply (ARG_1 = 1, no semaphore): the registers are saved as for kernel_hypercall. Result: the frame to
 * resume, which needs nothing but a fast return (its resume is RESUME_HYPERCALL, its IP and flags are such as a hypercall or a new portal handler has them; a
 * port that cannot return fast to what a thread entered with says RESUME_FULL at the entry); or 0: nothing has changed, the port calls kernel_hypercall. The result
 * of kernel_reply is odd if it is more than that: frame_marked(0): nothing has changed; of a frame: that one is to be resumed in its own way.
 *
 * kernel_up, kernel_down (found = the result of kernel_quick_up, kernel_quick_down): as kernel_call, but the frame that results may need any kind of return.
 *
 * KERNEL_QUICK is what the port's build adds to the first kind: how the compiler is told to keep the registers that are not saved.
 */
#ifndef KERNEL_QUICK
#define KERNEL_QUICK
#endif
enum { KERNEL_SLOW = 0x100 };
KERNEL_QUICK word kernel_quick_pt_ctrl(word arg1, word arg2, struct cpu *cpu);
KERNEL_QUICK word kernel_quick_up(word arg1, word arg2, struct cpu *cpu);
KERNEL_QUICK word kernel_quick_down(word arg1, word arg2, struct cpu *cpu);
struct frame *kernel_call(struct cpu *cpu, word arg1);
struct frame *kernel_reply(struct cpu *cpu);
struct frame *kernel_up(struct cpu *cpu, word found);
struct frame *kernel_down(struct cpu *cpu, word found);

/* The vector by which a port reports a page fault (abi.md section 5). */
enum { HAL_PAGE_FAULT = 14 };

/* The thread raised exception 'vector' (0-29): resume = RESUME_FULL. address = fault address of a page fault. The port has handled its own (#NM, I/O bitmap) before. */
struct frame *kernel_exception(struct cpu *cpu, unsigned vector, word error, word address);

/*
 * The virtual CPU that ran cannot go on without its monitor: event number (abi.md section 5), and the guest-physical address of a fault in the guest's memory,
 * otherwise 0. What else the exit left is given by the port when core saves the state.
 */
struct frame *kernel_vcpu_exit(struct cpu *cpu, unsigned event, uint64_t address);

/*
 * The same in its common form. Result: the handler's frame, which needs nothing but a fast return; or 0: nothing has changed, the
 * port calls kernel_vcpu_exit. Only right after an exit from the guest.
 */
struct frame *kernel_vcpu_event(struct cpu *cpu, unsigned event, word address);

/* The timer deadline has come / another CPU signalled / device interrupt gsi came. Already acknowledged at the local controller. */
struct frame *kernel_timer(struct cpu *cpu);
struct frame *kernel_signal(struct cpu *cpu);
struct frame *kernel_gsi(struct cpu *cpu, unsigned gsi);

/* After an interrupt window. */
struct frame *kernel_continue(struct cpu *cpu);

/* The struct mmu of the PD whose thread runs on this CPU (for the port's lazy I/O bitmap). */
struct mmu *kernel_current_mmu(struct cpu *cpu);

/* Boot, in this order. Boot CPU: the pool [begin, end) (kernel virtual, page aligned) becomes the page allocator's. */
void kernel_memory_init(void *begin, void *end);

/* Zeroed, naturally aligned 2^order kernel pages for the port itself during boot (stacks, per-CPU data); 0 = exhausted. */
void *kernel_boot_alloc(unsigned order);

/* Boot CPU, after all CPUs have filled in boot_info and are waiting: kernel objects, HIP, root task. Fatal messages if root cannot be started. */
void kernel_init(void);

/* Every online CPU after kernel_init: its struct cpu, and then the first frame to resume (the boot CPU's is root, others idle). */
struct cpu *kernel_cpu(unsigned number);
struct frame *kernel_start(struct cpu *cpu);

#endif
