/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stacks are mapped with a guard page below, so that the kernel's use of stack has a hard limit here, too.
 */
#include "fiber.h"
#include "sanitizer.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifdef HAS_ASAN
#include <sanitizer/common_interface_defs.h>
#else
static void __sanitizer_start_switch_fiber(void **fake, const void *bottom, size_t size) { (void)fake, (void)bottom, (void)size; }
static void __sanitizer_finish_switch_fiber(void *fake, const void **bottom, size_t *size) { (void)fake, (void)bottom, (void)size; }
#endif

#if defined(HAS_ASAN) || defined(__SANITIZE_THREAD__)
#include <sanitizer/common_interface_defs.h>
void stack_trace(void) { __sanitizer_print_stack_trace(); }
#else
void stack_trace(void) {}
#endif

enum { STACK_SIZE = 256 << 10, GUARD = 4096 };

static void start(unsigned low, unsigned high)
{
    struct fiber *fiber = (struct fiber *)((uintptr_t)high << 32 | low);
    __sanitizer_finish_switch_fiber(0, &fiber->caller_bottom, &fiber->caller_size);
    fiber->function(fiber->argument);
    abort();
}

void fiber_enter(struct fiber *fiber, void (*function)(void *), void *argument)
{
    if (!fiber->stack) {
        fiber->stack = mmap(0, STACK_SIZE + GUARD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (fiber->stack == MAP_FAILED || mprotect(fiber->stack, GUARD, PROT_NONE))
            abort();
        fiber->function = function;
        fiber->argument = argument;
        getcontext(&fiber->context);
        fiber->context.uc_stack.ss_sp = (char *)fiber->stack + GUARD;
        fiber->context.uc_stack.ss_size = STACK_SIZE;
        makecontext(&fiber->context, (void (*)(void))start, 2, (unsigned)(uintptr_t)fiber, (unsigned)((uintptr_t)fiber >> 32));
    }
    __sanitizer_start_switch_fiber(&fiber->caller_fake, (char *)fiber->stack + GUARD, STACK_SIZE);
    swapcontext(&fiber->caller, &fiber->context);
    __sanitizer_finish_switch_fiber(fiber->caller_fake, 0, 0);
}

void fiber_leave(struct fiber *fiber)
{
    __sanitizer_start_switch_fiber(&fiber->fake, fiber->caller_bottom, fiber->caller_size);
    swapcontext(&fiber->context, &fiber->caller);
    __sanitizer_finish_switch_fiber(fiber->fake, &fiber->caller_bottom, &fiber->caller_size);
}
