/* SPDX-License-Identifier: MIT */
/* The string functions that user programs and the compiler itself ask for. */
#ifndef NOVA_LIB_STRING_H
#define NOVA_LIB_STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);

/* Whether `word` is one of the space-separated words of `line`. Any of them: some boot loaders leave the program's name out. */
int nova_command_line_has(const char *line, const char *word);

/* The decimal number N of the first word `name=N` of `line`; `otherwise` if there is none. */
unsigned nova_command_line_number(const char *line, const char *name, unsigned otherwise);

#endif
