/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Delegation: from a PD or from the kernel, for the three kinds of resources. One sender mapping at a time: its tree lock keeps it in place while the
 * receiver's space gets the child. Occupied places are skipped, page by page.
 */
#include "core/lib/bits.h"
#include "core/fill.h"

/* The part of the receiver's space that is concerned. source, target: first units; count units; mask: permissions of item and window. */
struct piece {
    word source, target, count;
    unsigned mask;
    uint8_t flags;
    uint8_t type; /* enum memory_type, for memory from the kernel */
    bool last;    /* nothing of the message comes behind it */
};

typeof(kernel_object) kernel_object;

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
    piece->last = order->last;
    /* The sender's range may be cut at the end of its space, the receiver's must not be left either. */
    piece->count = word_min(from.last - from.first, space_limit(type) - to.first) + 1;
    *result = nova_crd(type, to.first, common, mask);
    return true;
}

/* From one PD's ranges to another's. */
static unsigned ranges_delegate(struct transfer_order *order, struct range_space *from, struct range_space *to,
                                const struct piece *whole)
{
    word at = whole->source + order->at, end = whole->source + whole->count;
    unsigned status = NOVA_SUCCESS;
    while (at < end && status == NOVA_SUCCESS) {
        struct range *range = range_next_locked(from, at);
        if (!range)
            break;
        struct mapping *parent = &range->mapping;
        uint8_t lock = parent->lock;
        if (at < parent->base)
            at = parent->base;
        unsigned rights = parent->rights & whole->mask;
        if (!*order->budget)
            status = TRANSFER_AGAIN;
        else if (at < end && rights && !(parent->flags & MAPPING_FIXED)) {
            word stop = word_min(range_end(range), end), done;
            struct mapping new;
            new.value = parent->value + (at - parent->base);
            new.parent = parent;
            new.base = whole->target + (at - whole->source);
            new.rights = (uint8_t)rights;
            new.flags = whole->flags;
            new.lock = lock;
            new.type = parent->type;
            status = range_fill(order, to, &new, stop - at, whole->last && stop == end, &done);
            at += done;
        } else {
            steps_spend(order->budget, PASS_COST);
            at = range_end(range);
        }
        mapping_unlock(lock);
    }
    order->at = at - whole->source;
    return status;
}

/* Where the part of physical memory ends, at 'end' at the latest, that begins at a page and is hidden from root as a whole or not at all. */
static inline word memory_part(word at, word end, bool *hidden)
{
    unsigned i = 0;
    while (i < boot_info.hiddens && boot_info.hidden[i].end <= at)
        i++;
    *hidden = i < boot_info.hiddens && boot_info.hidden[i].first <= at;
    return i == boot_info.hiddens ? end : word_min(end, *hidden ? boot_info.hidden[i].end : boot_info.hidden[i].first);
}

/* Physical memory and ports that no PD holds: everything but the hidden ranges, one tree for each part. */
static unsigned ranges_from_kernel(struct transfer_order *order, struct range_space *to, const struct piece *whole)
{
    bool memory = to->space.type == NOVA_CRD_MEM;
    word at = whole->source + order->at, end = whole->source + whole->count;
    unsigned status = NOVA_SUCCESS;
    while (at < end && status == NOVA_SUCCESS) {
        bool hidden = false;
        word stop = memory ? memory_part(at, end, &hidden) : end;
        word done = stop - at;
        if (!hidden && whole->mask & 7) {
            uint8_t lock = mapping_lock_choose(&to->space, whole->target); /* the same one when it is confirmed */
            mapping_lock(lock);
            struct mapping new;
            new.value = at;
            new.parent = 0;
            new.base = whole->target + (at - whole->source);
            new.rights = whole->mask & 7;
            new.flags = whole->flags;
            new.lock = lock;
            new.type = whole->type;
            status = range_fill(order, to, &new, stop - at, whole->last && stop == end, &done);
            mapping_unlock(lock);
        }
        at += done;
    }
    order->at = at - whole->source;
    return status;
}

static unsigned objects_delegate(struct transfer_order *order, struct object_space *from, struct object_space *to,
                                 const struct piece *piece)
{
    word at = piece->source + order->at, end = piece->source + piece->count;
    unsigned status = NOVA_SUCCESS;
    while ((at = object_space_next(from, at, end, order->budget)) < end && status == NOVA_SUCCESS) {
        struct mapping *slot = object_space_slot(from, at);
        if (!*order->budget)
            status = TRANSFER_AGAIN;
        else {
            if (slot && slot_lock(slot)) {
                struct capability cap = slot_capability(slot);
                word target = piece->target + (at - piece->source);
                status = object_fill(order, to, target, cap.object, cap.permissions & piece->mask, slot, slot->lock);
                mapping_unlock(slot->lock);
            }
            at++;
        }
    }
    order->at = at - piece->source;
    return status;
}

static unsigned objects_from_kernel(struct transfer_order *order, struct object_space *to, const struct piece *piece)
{
    unsigned status = NOVA_SUCCESS;
    word i = order->at;
    for (; i < piece->count && piece->source + i < KERNEL_OBJECTS && status == NOVA_SUCCESS; i++) {
        struct object *object = kernel_object[piece->source + i].object;
        word target = piece->target + i;
        if (!*order->budget) {
            status = TRANSFER_AGAIN;
            break;
        }
        if (!object)
            continue;
        uint8_t lock = mapping_lock_choose(&to->space, target);
        mapping_lock(lock);
        status = object_fill(order, to, target, object, kernel_object[piece->source + i].permissions & piece->mask, 0, lock);
        mapping_unlock(lock);
    }
    order->at = i;
    return status;
}

/* The views beside the host's that an item asks for, as far as there are such. */
static inline uint8_t order_flags(const struct transfer_order *order)
{
    bool guest = order->control & NOVA_ITEM_GUEST && boot_info.features & (NOVA_FEATURE_VMX | NOVA_FEATURE_SVM);
    bool device = order->control & NOVA_ITEM_DEVICE && boot_info.features & NOVA_FEATURE_IOMMU;
    return (uint8_t)((guest ? MAPPING_GUEST : 0) | (device ? MAPPING_DEVICE : 0));
}

static __attribute__((noinline)) unsigned any_delegate(struct transfer_order *order, word *result)
{
    struct piece piece;
    if (!piece_decode(order, &piece, result))
        return NOVA_SUCCESS;
    if (__builtin_expect(order->target != 0, 0)) {
        *order->target = (struct extent){piece.target, piece.target + piece.count - 1};
        return NOVA_SUCCESS;
    }
    piece.flags = order_flags(order);
    if (!order->from && order->control & NOVA_ITEM_WRITE_COMBINE)
        piece.type = MEMORY_WRITE_COMBINE;
    struct spaces *from = order->from, *to = order->to;
    switch (nova_crd_type(order->crd)) {
    case NOVA_CRD_MEM:
        return from ? ranges_delegate(order, &from->memory, &to->memory, &piece) : ranges_from_kernel(order, &to->memory, &piece);
    case NOVA_CRD_PIO:
        return from ? ranges_delegate(order, &from->ports, &to->ports, &piece) : ranges_from_kernel(order, &to->ports, &piece);
    default:
        return from ? objects_delegate(order, &from->objects, &to->objects, &piece)
                    : objects_from_kernel(order, &to->objects, &piece);
    }
}

bool delegate_target(struct transfer_order *order, struct extent *target)
{
    word result;
    *target = (struct extent){1, 0};
    order->target = target;
    any_delegate(order, &result);
    order->target = 0;
    return target->first <= target->last;
}

unsigned page_delegate(const struct transfer_order *order, word target, unsigned mask)
{
    struct range_space *from = &order->from->memory, *to = &order->to->memory;
    word source = nova_crd_base(order->crd);
    struct range *range = range_next_locked(from, source), *next;
    if (!range)
        return NOVA_SUCCESS;
    struct mapping *parent = &range->mapping;
    unsigned status = NOVA_SUCCESS, rights = parent->rights & mask;
    if (parent->base <= source && rights && !(parent->flags & MAPPING_FIXED)) {
        spin_lock(&to->space.lock);
        next = range_next(to, target);
        if (!next || next->mapping.base > target) {
            struct mapping new;
            new.parent = parent;
            new.value = parent->value + (source - parent->base);
            new.base = target;
            new.rights = (uint8_t)rights;
            new.flags = (uint8_t)(order_flags(order) | (target < host_pages ? MAPPING_HOST : 0));
            new.lock = parent->lock;
            new.type = parent->type;
            status = range_add(to, &new, 1, next, order->budget) ? NOVA_SUCCESS : NOVA_QUO_OOM;
        } else {
            if (order->budget)
                steps_spend(order->budget, PASS_COST);
            if (__builtin_expect(next->mapping.flags & MAPPING_FRESH, 0))
                attempt_pass(0, false, false, &next->mapping, parent, parent->lock);
        }
        spin_unlock(&to->space.lock);
    }
    mapping_unlock(parent->lock);
    return status;
}

unsigned space_delegate(struct transfer_order *order, word *result)
{
    if (!order_is_page(order) || order->attempt)
        return any_delegate(order, result);
    word target = page_target(order->control, order->window);
    unsigned mask = nova_crd_perm(order->crd) & nova_crd_perm(order->window);
    *result = nova_crd(NOVA_CRD_MEM, target, 0, mask);
    return page_delegate(order, target, mask);
}
