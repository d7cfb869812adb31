/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Spin locks. The kernel runs with interrupts off, so a lock is held for a bounded time. Order of locks: see core/FLOORS; no lock is held while waiting
 * for another CPU's answer.
 */
#ifndef CORE_LIB_SPINLOCK_H
#define CORE_LIB_SPINLOCK_H

#include "hal/cpu.h"

struct spinlock {
    unsigned char taken;
};

static inline bool spin_try(struct spinlock *lock) { return !__atomic_test_and_set(&lock->taken, __ATOMIC_ACQUIRE); }

static inline void spin_lock(struct spinlock *lock)
{
    while (!spin_try(lock))
        while (__atomic_load_n(&lock->taken, __ATOMIC_RELAXED))
            cpu_pause();
}

static inline void spin_unlock(struct spinlock *lock) { __atomic_clear(&lock->taken, __ATOMIC_RELEASE); }

#endif
