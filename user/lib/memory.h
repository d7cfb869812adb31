/* SPDX-License-Identifier: MIT */
/*
 * Memory and resources of the root task: delegation between protection domains in naturally aligned chunks, taking from the
 * kernel's own resources (bit 11 of an item's control word), and an allocator of fresh RAM. It gives out addresses upward, once:
 * below NOVA_WINDOW_AREA RAM, above it windows on physical addresses, then UTCBs. The allocator is for one thread at a time.
 */
#ifndef NOVA_LIB_MEMORY_H
#define NOVA_LIB_MEMORY_H

#include <nova/crd.h>
#include <nova/hypercall.h>

#define NOVA_RAM_AREA ((nova_word)0x10000000)    /* nova_allocate */
#define NOVA_WINDOW_AREA ((nova_word)0x40000000) /* nova_map_physical */
#define NOVA_UTCB_AREA ((nova_word)0x60000000)   /* nova_utcb_address */
#define NOVA_FREE_AREA ((nova_word)0x80000000)   /* the program's own, to the user limit */

/*
 * Delegates `count` units (pages, ports, selectors) from `source` on in one PD to `target` on in another, with the permissions
 * of `perm`, in chunks that are aligned in both; ports keep their numbers. flags: NOVA_ITEM_DEVICE, NOVA_ITEM_GUEST,
 * NOVA_ITEM_KERNEL (then from_pd and to_pd are root). Occupied places stay as they are. Uses the running EC's UTCB.
 */
enum nova_status nova_delegate_range(nova_word from_pd, nova_word to_pd, enum nova_crd_type type, nova_word source,
                                     nova_word target, nova_word count, unsigned perm, unsigned flags);

/* Takes I/O ports from the kernel. */
enum nova_status nova_take_ports(uint16_t first, unsigned count);

/* Takes `count` of the kernel's objects (idle SCs, interrupt semaphores; abi.md section 8) to `selector` and up. */
enum nova_status nova_take_objects(nova_word kernel_selector, nova_word selector, nova_word count);

/* Maps physical memory (any alignment) at a free address; 0 if the kernel keeps it, or there is no such memory. */
void *nova_map_physical(uint64_t address, nova_word bytes, unsigned perm);

/* Fresh zeroed RAM, readable and writable, aligned to `align` (a power of two); 0 if there is none. Never freed. */
void *nova_allocate(nova_word bytes, nova_word align);

/* 2^order fresh zeroed pages with these permissions, naturally aligned in physical memory, too; 0 if there are none. Never freed. */
void *nova_allocate_pages(unsigned order, unsigned perm);

/* Copies a NUL-terminated string (a module's command line, say) out of physical memory, cut to fit. 0 if it cannot be read. */
int nova_physical_string(uint64_t address, char *buffer, unsigned size);

#endif
