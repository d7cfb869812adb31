/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Delegation: from a PD or from the kernel, for the three kinds of resources. One sender mapping at a time: its tree lock keeps it in place while the
 * receiver's space gets the child. Occupied places are skipped, page by page.
 */
#include "core/lib/bits.h"
#include "core/spaces.h"

/* The part of the receiver's space that is concerned. source, target: first units; count units; mask: permissions of item and window. */
struct piece {
    word source, target, count;
    unsigned mask;
    uint8_t flags;
    uint8_t type; /* enum memory_type, for memory from the kernel */
};

typeof(kernel_object) kernel_object;

static const word host_pages = NOVA_USER_LIMIT >> PAGE_BITS;

/* Decides what goes where: abi.md section 3, Delegate. False = nothing in common. */
static inline bool piece_decode(const struct transfer_order *order, struct piece *piece, word *result)
{
    word crd = order->crd, window = order->window;
    unsigned type = nova_crd_type(crd), so = nova_crd_order(crd), ro = nova_crd_order(window);
    unsigned mask = nova_crd_perm(crd) & nova_crd_perm(window), common = so < ro ? so : ro;
    struct extent from = crd_extent(crd), to = crd_extent(window);
    *result = 0;
    if (!type || type != nova_crd_type(window) || !mask || from.first > from.last || to.first > to.last)
        return false;
    if (type == NOVA_CRD_PIO) {
        if (from.first > to.last || to.first > from.last)
            return false;
        from.first = to.first = word_max(from.first, to.first);
        from.last = word_min(from.last, to.last);
    } else if (ro > so) {
        to.first += order->control >> 12 & (to.last - to.first) & ~(from.last - from.first);
    } else {
        from.first += order->control >> 12 & (from.last - from.first) & ~(to.last - to.first);
        from.last = from.first + (to.last - to.first);
    }
    piece->source = from.first;
    piece->target = to.first;
    piece->mask = mask;
    piece->flags = piece->type = 0;
    /* The sender's range may be cut at the end of its space, the receiver's must not be left either. */
    piece->count = word_min(from.last - from.first, space_limit(type) - to.first) + 1;
    *result = nova_crd(type, to.first, common, mask);
    return true;
}

/* Enters [at, stop) of the receiver's space, which is empty there and on one side of the user limit. Under tree and space lock; false = out of memory. */
static inline bool range_add(struct range_space *to, word at, word stop, const struct mapping *template, word value, uint8_t flags)
{
    struct page_reserve reserve = {0, 0};
    struct range *range = slab_take(to->space.account, slab_class(sizeof *range), false);
    if (!range)
        return false;
    if (!range_prepare(to, at, stop - at, value, flags, &reserve)) {
        slab_free(to->space.account, range, sizeof *range);
        return false;
    }
    struct mapping *m = &range->mapping;
    m->value = value;
    m->space = &to->space;
    m->base = at;
    m->rights = template->rights;
    m->flags = flags;
    m->lock = template->lock;
    m->type = template->type;
    range->count = stop - at;
    mapping_link(m, template->parent);
    range_enter(to, range, &reserve);
    if (__builtin_expect(reserve.count, 0))
        range_unprepare(to, &reserve);
    return true;
}

/* Enters the piece wherever the receiver's space is empty, as template says (parent, rights, lock, type; value: of its first unit). Under the tree lock. */
static bool range_fill(struct range_space *to, const struct piece *piece, const struct mapping *template)
{
    word at = piece->target, end = at + piece->count;
    bool enough = true, memory = to->space.type == NOVA_CRD_MEM;
    spin_lock(&to->space.lock);
    while (at < end && enough) {
        struct range *next = range_next(to, at);
        word stop = next && next->mapping.base < end ? next->mapping.base : end;
        if (stop <= at) {
            at = range_end(next);
            continue;
        }
        uint8_t flags = piece->flags;
        if (memory && at < host_pages) {
            stop = word_min(stop, host_pages);
            flags |= MAPPING_HOST;
        } else if (!memory)
            flags |= MAPPING_HOST;
        enough = range_add(to, at, stop, template, template->value + (at - piece->target), flags);
        at = stop;
    }
    spin_unlock(&to->space.lock);
    return enough;
}

/* From one PD's ranges to another's. */
static bool ranges_delegate(struct range_space *from, struct range_space *to, const struct piece *whole)
{
    word at = whole->source, end = at + whole->count;
    bool enough = true;
    while (at < end && enough) {
        struct range *range = range_next_locked(from, at);
        if (!range)
            break;
        struct mapping *parent = &range->mapping;
        uint8_t lock = parent->lock;
        if (at < parent->base)
            at = parent->base;
        unsigned rights = parent->rights & whole->mask;
        if (at < end && rights && !(parent->flags & MAPPING_FIXED)) {
            word stop = word_min(range_end(range), end);
            struct piece part = {at, whole->target + (at - whole->source), stop - at, whole->mask, whole->flags, parent->type};
            struct mapping template;
            template.value = parent->value + (at - parent->base);
            template.parent = parent;
            template.rights = (uint8_t)rights;
            template.lock = lock;
            template.type = parent->type;
            enough = range_fill(to, &part, &template);
        }
        at = range_end(range);
        mapping_unlock(lock);
    }
    return enough;
}

/* Physical memory and ports that no PD holds: everything but the hidden ranges, one tree for each part. */
static bool ranges_from_kernel(struct range_space *to, const struct piece *whole)
{
    bool memory = to->space.type == NOVA_CRD_MEM;
    word at = whole->source, end = at + whole->count;
    while (at < end) {
        word stop = end;
        bool hidden = false;
        for (unsigned i = 0; memory && i < boot_info.hiddens; i++) {
            uint64_t first = boot_info.hidden[i].begin >> PAGE_BITS, beyond = boot_info.hidden[i].end >> PAGE_BITS;
            if (at >= first && at < beyond) {
                hidden = true;
                stop = beyond < end ? (word)beyond : end;
                break;
            }
            if (first > at && first < stop)
                stop = (word)first;
        }
        struct piece part = {at, whole->target + (at - whole->source), stop - at, whole->mask, whole->flags, whole->type};
        if (!hidden && whole->mask & 7) {
            uint8_t lock = mapping_lock_choose(&to->space, part.target);
            mapping_lock(lock);
            struct mapping template = {.value = at, .rights = whole->mask & 7, .lock = lock, .type = whole->type};
            bool enough = range_fill(to, &part, &template);
            mapping_unlock(lock);
            if (!enough)
                return false;
        }
        at = stop;
    }
    return true;
}

static bool object_fill(struct object_space *to, word selector, struct object *object, unsigned permissions, struct mapping *parent,
                        uint8_t lock)
{
    bool enough = true;
    if (!permissions)
        return true;
    spin_lock(&to->space.lock);
    struct mapping *slot = object_space_slot(to, selector);
    if (!slot && (enough = object_space_grow(to, selector)))
        slot = object_space_slot(to, selector);
    if (enough && !slot->value)
        slot_fill(to, slot, selector, object, permissions, parent, lock);
    spin_unlock(&to->space.lock);
    return enough;
}

static bool objects_delegate(struct object_space *from, struct object_space *to, const struct piece *piece)
{
    word end = piece->source + piece->count;
    bool enough = true;
    unsigned budget = ~0u;
    for (word at = piece->source; enough && (at = object_space_next(from, at, end, &budget)) < end; at++) {
        struct mapping *slot = object_space_slot(from, at);
        if (!slot || !slot_lock(slot))
            continue;
        struct capability cap = slot_capability(slot);
        enough = object_fill(to, piece->target + (at - piece->source), cap.object, cap.permissions & piece->mask, slot, slot->lock);
        mapping_unlock(slot->lock);
    }
    return enough;
}

static bool objects_from_kernel(struct object_space *to, const struct piece *piece)
{
    for (word i = 0; i < piece->count && piece->source + i < KERNEL_OBJECTS; i++) {
        struct object *object = kernel_object[piece->source + i].object;
        word target = piece->target + i;
        if (!object)
            continue;
        uint8_t lock = mapping_lock_choose(&to->space, target);
        mapping_lock(lock);
        bool enough = object_fill(to, target, object, kernel_object[piece->source + i].permissions & piece->mask, 0, lock);
        mapping_unlock(lock);
        if (!enough)
            return false;
    }
    return true;
}

enum nova_status space_delegate(const struct transfer_order *order, word *result)
{
    struct piece piece;
    if (!piece_decode(order, &piece, result))
        return NOVA_SUCCESS;
    if (order->control & NOVA_ITEM_GUEST && boot_info.features & (NOVA_FEATURE_VMX | NOVA_FEATURE_SVM))
        piece.flags |= MAPPING_GUEST;
    if (order->control & NOVA_ITEM_DEVICE && boot_info.features & NOVA_FEATURE_IOMMU)
        piece.flags |= MAPPING_DEVICE;
    if (!order->from && order->control & NOVA_ITEM_WRITE_COMBINE)
        piece.type = MEMORY_WRITE_COMBINE;
    bool enough = false;
    switch (nova_crd_type(order->crd)) {
    case NOVA_CRD_MEM:
        enough = order->from ? ranges_delegate(&order->from->memory, &order->to->memory, &piece)
                             : ranges_from_kernel(&order->to->memory, &piece);
        break;
    case NOVA_CRD_PIO:
        enough = order->from ? ranges_delegate(&order->from->ports, &order->to->ports, &piece)
                             : ranges_from_kernel(&order->to->ports, &piece);
        break;
    case NOVA_CRD_OBJ:
        enough = order->from ? objects_delegate(&order->from->objects, &order->to->objects, &piece)
                             : objects_from_kernel(&order->to->objects, &piece);
        break;
    }
    return enough ? NOVA_SUCCESS : NOVA_QUO_OOM;
}

enum nova_status space_give_memory(struct spaces *spaces, word page, word count, word frame, unsigned rights, unsigned flags)
{
    struct range_space *space = &spaces->memory;
    uint8_t lock = mapping_lock_choose(&space->space, page);
    struct mapping template = {.rights = (uint8_t)rights, .lock = lock};
    enum nova_status status = NOVA_BAD_PAR;
    mapping_lock(lock);
    spin_lock(&space->space.lock);
    struct range *there = range_next(space, page);
    if (!there || there->mapping.base >= page + count)
        status =
            range_add(space, page, page + count, &template, frame, (uint8_t)(flags | MAPPING_HOST)) ? NOVA_SUCCESS : NOVA_QUO_OOM;
    spin_unlock(&space->space.lock);
    mapping_unlock(lock);
    return status;
}
