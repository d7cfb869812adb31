/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Coroutines with stacks of their own, known to the address sanitizer. One thread: fiber_enter runs a fiber until it calls fiber_leave.
 */
#ifndef HOSTED_FIBER_H
#define HOSTED_FIBER_H

#include <stddef.h>
#include <ucontext.h>

struct fiber {
    void *stack; /* 0 = not started */
    ucontext_t context, caller;
    void *fake, *caller_fake;
    const void *caller_bottom;
    size_t caller_size;
    void (*function)(void *);
    void *argument;
};

/* Starts the fiber with function(argument), which never returns, or goes on where it left. */
void fiber_enter(struct fiber *fiber, void (*function)(void *), void *argument);
void fiber_leave(struct fiber *fiber);

/* Where we are, to stderr; nothing without a sanitizer. */
void stack_trace(void);

#endif
