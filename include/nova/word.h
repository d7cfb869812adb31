/* SPDX-License-Identifier: MIT */
/*
 * The machine word of the interface and the address-space limits that depend on it (abi.md, head and section 2).
 * Every header of include/nova compiles in the kernel, in user programs (C and C++) and in hosted tests.
 */
#ifndef NOVA_WORD_H
#define NOVA_WORD_H

#include <stddef.h>
#include <stdint.h>

/* A check at compile time, the same in C and C++ (no assert.h here). */
#ifdef __cplusplus
#define NOVA_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define NOVA_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

typedef unsigned long nova_word; /* 32 or 64 bit, the register size */

#define NOVA_WORD_BITS (8 * (int)sizeof(nova_word))
#define NOVA_PAGE_BITS 12
#define NOVA_PAGE_SIZE ((nova_word)1 << NOVA_PAGE_BITS)

/* First address that user space cannot use (abi.md section 2, last row of the table). */
#if UINTPTR_MAX > 0xffffffffu
#define NOVA_USER_LIMIT ((nova_word)0x00007fffc0000000)
#define NOVA_ELF_MACHINE 62 /* EM_X86_64: what e_machine of the root task's ELF file says */
#else
#define NOVA_USER_LIMIT ((nova_word)0xc0000000)
#define NOVA_ELF_MACHINE 3 /* EM_386 */
#endif

/* Where root finds the hypervisor information page and its UTCB (abi.md section 8). */
#define NOVA_HIP_ADDRESS (NOVA_USER_LIMIT - NOVA_PAGE_SIZE)
#define NOVA_ROOT_UTCB_ADDRESS (NOVA_USER_LIMIT - 2 * NOVA_PAGE_SIZE)

#endif
