/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel memory that core has freed is poisoned for the address sanitizer, until it is handed out again: whoever still uses it, the kernel or a user through a stale
 * translation, is reported. The linker puts these functions around core's allocators (--wrap), which are compiled without that sanitizer.
 */
#include "hosted.h"
#include "sanitizer.h"

#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#else
#define __asan_address_is_poisoned(address) ((void)(address), 0)
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

bool memory_freed(const void *address) { return __asan_address_is_poisoned(address); }

void *__real_slab_take(void *account, unsigned class, bool forced);
void *__wrap_slab_take(void *account, unsigned class, bool forced);
void __real_slab_give(void *account, unsigned class, void *object);
void __wrap_slab_give(void *account, unsigned class, void *object);
void *__real_page_alloc(unsigned order);
void *__wrap_page_alloc(unsigned order);
void *__real_page_alloc_zero(unsigned order);
void *__wrap_page_alloc_zero(unsigned order);
void __real_page_free(void *page, unsigned order);
void __wrap_page_free(void *page, unsigned order);

static void *handed_out(void *memory, size_t size)
{
    if (memory)
        ASAN_UNPOISON_MEMORY_REGION(memory, size);
    return memory;
}

/* core/slab.h, slab_class */
static const size_t class_size[] = {32, 64, 96, 128, 192, 320, 576, 1344, 4032};

void *__wrap_slab_take(void *account, unsigned class, bool forced)
{
    return handed_out(__real_slab_take(account, class, forced), class_size[class]);
}

/* Before it is freed: afterwards it may be somebody else's. */
void __wrap_slab_give(void *account, unsigned class, void *object)
{
    ASAN_POISON_MEMORY_REGION(object, class_size[class]);
    __real_slab_give(account, class, object);
}

void *__wrap_page_alloc(unsigned order) { return handed_out(__real_page_alloc(order), PAGE_SIZE << order); }
void *__wrap_page_alloc_zero(unsigned order) { return handed_out(__real_page_alloc_zero(order), PAGE_SIZE << order); }

void __wrap_page_free(void *page, unsigned order)
{
    ASAN_POISON_MEMORY_REGION(page, PAGE_SIZE << order);
    __real_page_free(page, order);
}
