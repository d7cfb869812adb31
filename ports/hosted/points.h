/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included before every file of core in builds that look for races with coroutines (make interleave, explore): each atomic operation, and so each lock,
 * is a place where another CPU may get its turn.
 */
#ifndef HOSTED_POINTS_H
#define HOSTED_POINTS_H

void machine_point(void);

/* A macro does not expand in itself: the inner name is the compiler's. */
#define POINT(operation, ...) (machine_point(), operation(__VA_ARGS__))
#define __atomic_load_n(...) POINT(__atomic_load_n, __VA_ARGS__)
#define __atomic_store_n(...) POINT(__atomic_store_n, __VA_ARGS__)
#define __atomic_exchange_n(...) POINT(__atomic_exchange_n, __VA_ARGS__)
#define __atomic_compare_exchange_n(...) POINT(__atomic_compare_exchange_n, __VA_ARGS__)
#define __atomic_add_fetch(...) POINT(__atomic_add_fetch, __VA_ARGS__)
#define __atomic_sub_fetch(...) POINT(__atomic_sub_fetch, __VA_ARGS__)
#define __atomic_fetch_add(...) POINT(__atomic_fetch_add, __VA_ARGS__)
#define __atomic_fetch_sub(...) POINT(__atomic_fetch_sub, __VA_ARGS__)
#define __atomic_fetch_or(...) POINT(__atomic_fetch_or, __VA_ARGS__)
#define __atomic_fetch_and(...) POINT(__atomic_fetch_and, __VA_ARGS__)
#define __atomic_test_and_set(...) POINT(__atomic_test_and_set, __VA_ARGS__)
#define __atomic_clear(...) POINT(__atomic_clear, __VA_ARGS__)

#endif
