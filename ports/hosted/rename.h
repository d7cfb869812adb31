/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included before every file of core in hosted builds: core's memcpy and friends get names of their own, so that the process and the sanitizers keep
 * the C library's, and tests can call both.
 */
#define memcpy kernel_memcpy
#define memmove kernel_memmove
#define memset kernel_memset
#define memcmp kernel_memcmp
#define strlen kernel_strlen
