/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The third port: core as a Linux process. A test boots a simulated machine and drives it one event at a time; what the CPUs do between two calls of
 * this interface is deterministic. Each virtual CPU is a coroutine: one that spins (cpu_pause) lets the others run. With machine_options.threads each
 * virtual CPU belongs to a thread of its own instead, for the thread sanitizer.
 * The port also checks what hal/ asks of core: a broken promise stops the machine with a line "HAL CONTRACT: ..." in the log.
 */
#ifndef HOSTED_H
#define HOSTED_H

#include "hal/boot_info.h"
#include "hal/cpu.h"
#include "hal/frame.h"
#include "hal/interrupt.h"
#include "hal/mmu.h"
#include "hal/physical.h"
#include "hal/upcall.h"
#include "hal/virtualization.h"

/* The physical memory of the simulated machine. */
enum {
    RAM_SIZE = 96 << 20,
    IMAGE_BEGIN = 1 << 20,
    IMAGE_END = 2 << 20,
    POOL_BEGIN = 4 << 20,
    POOL_DEFAULT = 8 << 20,
    MODULE_BEGIN = 80 << 20,
    MODULE_MAX = 1 << 20,
    HOSTED_GSIS = 32,
    HOSTED_PINS = 24,
    TSC_KHZ = 1000000, /* one tick = one nanosecond */
    FPU_BYTES = 512
};

#define NO_DEADLINE (~(uint64_t)0)

struct machine_options {
    unsigned cpus; /* 0 = 1 */
    unsigned boot_cpu;
    uint64_t offline; /* bit n: CPU n did not come up */
    size_t pool;      /* bytes of kernel memory, 0 = POOL_DEFAULT */
    bool threads;     /* the caller brings one thread per CPU; machine_threads below */
    bool no_module;   /* boot_info says root_begin == root_end */
    bool no_settle;   /* signals between CPUs and timers wait for machine_settle */
    uint32_t features;
    bool guests;          /* the machine runs virtual CPUs */
    unsigned large_order; /* a large page has 2^n pages, n below 10; 0 = 9 */
};

/* ---- the machine (machine.c) ---- */

/* Prepares memory and boot_info and calls kernel_memory_init; the root module is a copy of [image, image + size), default_root() if image is 0. */
void machine_prepare(const struct machine_options *options, const void *image, size_t size);

/* kernel_init on the boot CPU and kernel_start on each; false when the machine stopped on the way (a fatal message in the log). */
bool machine_start(void);

/* Both; stops the test when the machine stops. */
void machine_boot(unsigned cpus);

/* All that went to the console. */
const char *machine_log(void);
size_t machine_log_length(void);
void machine_log_clear(void);

/* machine_stop was called or a contract broken. */
bool machine_stopped(void);

/* What to do when the machine stops although nobody expects it; set by the test runner. */
extern void (*machine_stop_hook)(void);

/* The HAL contract is broken: says so in the log and stops the machine. */
_Noreturn void contract_broken(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Test's view of physical memory; 0 outside RAM. */
void *machine_memory(paddr_t address);

/* Kernel memory that core has freed and not handed out again; always false without the address sanitizer. */
bool memory_freed(const void *address);

/* From now on what this process does to the machine's memory stays in this process: for a child that goes on from where its parent brought the machine. */
void machine_private(void);

/* ---- CPUs and time (cpu.c, entry.c) ---- */

enum entry {
    ENTER_INIT,
    ENTER_START,
    ENTER_HYPERCALL,
    ENTER_EXCEPTION,
    ENTER_TIMER,
    ENTER_SIGNAL,
    ENTER_GSI,
    ENTER_CONTINUE,
    ENTER_GUEST
};

/* What the CPU resumed last: the thread that runs on it, or the idle frame. 0 = the kernel kept opening interrupt windows; ENTER_CONTINUE goes on. */
struct frame *cpu_frame(unsigned cpu);
bool cpu_idle(unsigned cpu);
struct cpu *cpu_core(unsigned cpu);

/* Enters the kernel on this CPU and comes back when it resumes a frame (or the machine stopped). Other CPUs run when this one waits for them. */
struct frame *cpu_enter(unsigned cpu, enum entry entry, unsigned number, word error, word address);

/* Several CPUs in the kernel at once: each cpu_start has one enter (its thread's frame is prepared), cpu_run lets all of them go on until they are out. */
void cpu_start(unsigned cpu, enum entry entry);
void cpu_run(void);

/* A step at a time: cpu_begin enters the kernel, cpu_step lets the CPU go on until it gives way (cpu_pause) or is out; true = it is still inside. */
void cpu_begin(unsigned cpu, enum entry entry, unsigned number, word error, word address);
bool cpu_step(unsigned cpu);
bool cpu_inside(unsigned cpu);
uint64_t cpu_gsis(unsigned cpu); /* device interrupts that wait, a bit for each */

/*
 * Called where CPUs may meet: in each function of hal/, and before each atomic operation of a core that is compiled with points.h. Only while a CPU is in the
 * kernel; the hook may call cpu_pause.
 */
extern void (*machine_point_hook)(const void *where);
void machine_point(void);

/* Called by machine_prepare. */
void cpu_reset(const struct machine_options *options);

/* Delivers signals and due timers on all CPUs until nothing is left to do. */
void machine_settle(void);
/* One thing that is left to do for one CPU, by its own thread; false = nothing. */
bool machine_poll(unsigned cpu);
void cpu_raise_gsi(unsigned cpu, unsigned gsi);
bool cpu_signal_pending(unsigned cpu);
uint64_t cpu_deadline(unsigned cpu);

uint64_t machine_time(void);
void machine_advance(uint64_t ticks); /* and settles (unless no_settle) */
bool machine_advance_to_timer(void);  /* to the earliest deadline; false when there is none */

/* Interrupt windows that the kernel opened so far (it returned 0), all CPUs. */
unsigned long machine_windows(void);

/* Called in every interrupt window, before pending events are delivered; a test may raise something. */
extern void (*machine_window_hook)(unsigned cpu);

/* After so many windows in a row cpu_enter comes back without a frame. */
extern unsigned machine_window_limit;

/* What cpu_register knows: one that can be read, one that can be written, too; each CPU has its own. */
enum { REGISTER_CONSTANT = 0xe7, REGISTER_VARIABLE = 0x1b0 };
#define REGISTER_VALUE 0x123456789abcdef0ull

/* ---- driver (driver.c) ---- */

enum { BLOCKED = 0x100 }; /* the thread did not come back from the hypercall */

/* The current thread of the CPU executes a hypercall; returns its status, or BLOCKED when the CPU went on with something else. */
word hypercall(unsigned cpu, word arg1, word arg2, word arg3, word arg4, word arg5);

/* How often hypercall goes on with a CPU that does nothing but open interrupt windows (a long hypercall, or a deadlock of user programs). */
extern unsigned hypercall_patience;

/* The current thread raises an exception. */
struct frame *exception(unsigned cpu, unsigned vector, word error, word address);

/* Device interrupt; false when it is masked or not routed (then it stays pending until unmasked). */
bool machine_gsi(unsigned gsi);

/* Host address of user memory as the CPU's current thread sees it, through TLB and page table; 0 = page fault. rights: MMU_*. */
void *user_try(unsigned cpu, word address, unsigned rights);

/* The same, but stops the test on a fault. */
void *user_pointer(unsigned cpu, word address, unsigned rights);

/* Accesses with page faults: false when the fault was delivered (the CPU goes on with another frame). */
bool user_touch(unsigned cpu, word address, unsigned rights);

/* The current thread may access the port (through the CPU's copy of the I/O bitmap). */
bool user_port(unsigned cpu, unsigned port);

/* The guest that runs on the CPU exits with an event; address: of a fault in its memory, and qual[1]. */
struct frame *guest_exit(unsigned cpu, unsigned event, uint64_t address);

/* Host address of guest memory as the guest that runs on the CPU sees it, through the CPU's TLB; 0 = it would exit. */
void *guest_try(unsigned cpu, uint64_t address, unsigned rights);
bool guest_port(unsigned cpu, unsigned port);

/* ---- virtualization.c: with machine_options.guests ---- */

/* The state of a virtual CPU but for general registers and FPU, which are in the frame and in fpu_registers. What a guest does to it is up to the test. */
struct nova_state *guest_state(const struct frame *frame);

/* The parts of it that an MTD bit names, without those in the frame and the TSC; ends with size 0. */
struct guest_field {
    uint32_t bit;
    uint16_t offset, size;
};
extern const struct guest_field guest_fields[];

/* Those that have been started and not stopped. */
unsigned guests_alive(void);

/* For cpu.c: it runs on this CPU now; returns the address space that has to be active. */
struct mmu *guest_resume(const struct frame *frame);
extern bool hosted_guests;

/* ---- mmu.c, tlb.c ---- */

/* Number of cached translations, all CPUs, that allow more than the page table. */
unsigned tlb_stale(void);
/* A CPU that has a translation to this frame with any of the rights, in another address space than 'except'; -1 = none. */
int tlb_holder(uint64_t frame, unsigned rights, const struct mmu *except);
/* Size of large pages, before anything is mapped. */
void mmu_large_order(unsigned order);
/* Number of large pages that were mapped, and split again, so far. */
extern unsigned mmu_large_maps, mmu_large_splits;
/* Number of pages mapped in a view, and its rights at one page. */
word mmu_count(const struct mmu *mmu, enum mmu_view view);
/* Number of pages that the tables of all views take. */
word mmu_tables(const struct mmu *mmu);
unsigned mmu_rights(const struct mmu *mmu, enum mmu_view view, word page, uint64_t *frame, enum memory_type *type);
/* A TLB entry that forbids the access is loaded anew, as on a PC. */
unsigned tlb_lookup(unsigned cpu, const struct mmu *mmu, enum mmu_view view, word page, unsigned wanted, uint64_t *frame);
bool port_allowed(unsigned cpu, const struct mmu *mmu, unsigned port);
struct mmu *mmu_active(unsigned cpu);

/* Whose guest runs there, 0 = none does. */
void mmu_guest_set(unsigned cpu, struct mmu *mmu);
struct mmu *mmu_guest(unsigned cpu);
void mmu_reset(void);
/* A number that no address space has had. */
uint32_t tlb_tag_new(void);

/* ---- frame.c ---- */

/* The CPU's FPU registers go to and come from memory: FPU_BYTES. */
uint8_t *fpu_registers(unsigned cpu);
void fpu_enter(unsigned cpu, struct frame *frame);
void fpu_resume(unsigned cpu, struct frame *frame);

/* ---- interrupt.c ---- */
struct gsi_state {
    unsigned cpu;
    int mode;
    bool routed, masked, level, pending;
};
struct gsi_state *gsi_state(unsigned gsi);

/* ---- elf.c: a writer for root images ---- */

struct elf_segment {
    uint32_t type, flags; /* PT_LOAD = 1; X 1, W 2, R 4 */
    uint64_t offset, address, physical, file_size, memory_size;
};
struct elf_image {
    uint8_t *data;
    size_t size;
    uint64_t entry;
};
enum { ROOT_TEXT = 0x400000, ROOT_DATA = 0x402000, ROOT_ENTRY = 0x400010 };

/* An ELF executable with these segments, 'size' bytes long, contents: byte i = i / 4096 + i. Freed by the process's end. */
struct elf_image elf_write(uint64_t entry, const struct elf_segment *segments, unsigned count, size_t size);
/* Text (R X) at ROOT_TEXT, two pages, and data (R W) at ROOT_DATA, two pages. */
struct elf_image default_root(void);

/* Offsets into the ELF header and program headers, for tests that spoil them. */
enum {
    ELF_CLASS = 4,
    ELF_DATA = 5,
    ELF_TYPE = 16,
    ELF_MACHINE = 18,
    ELF_ENTRY = 24,
    ELF_PHOFF = 32,
    ELF_PHENTSIZE = 54,
    ELF_PHNUM = 56,
    ELF_HEADER = 64,
    ELF_PHDR = 56
};

#endif
