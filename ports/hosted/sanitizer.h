/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * HAS_ASAN: this file is compiled with the address sanitizer; gcc and clang say so in different ways.
 */
#ifndef HOSTED_SANITIZER_H
#define HOSTED_SANITIZER_H

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif

#endif
