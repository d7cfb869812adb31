/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages with typed items of all kinds: pieces of several mappings, places that are taken, items that meet each other, many items.
 */
#include "undo.h"

#include <string.h>

static struct undo_message *to;

static void add(word crd, unsigned flags, word hotspot)
{
    CHECK(to->count < UNDO_ITEMS);
    to->item[to->count++] = (struct nova_item){crd, nova_control(flags, hotspot)};
}

static word mem(word page, unsigned order) { return nova_crd(NOVA_CRD_MEM, page, order, 7); }
static word pio(word port, unsigned order) { return nova_crd(NOVA_CRD_PIO, port, order, 31); }
static word obj(word selector, unsigned order) { return nova_crd(NOVA_CRD_OBJ, selector, order, 31); }

enum { SEND = NOVA_ITEM_DELEGATE, VIEWS = NOVA_ITEM_GUEST | NOVA_ITEM_DEVICE };

static void far_pages(void)
{
    for (unsigned i = 0; i < 4; i++)
        add(mem(SOURCE + i, 0), SEND, FAR(i + 1) + i);
}

static void ranges(void)
{
    add(mem(SOURCE, 4), SEND, NEAR); /* six mappings, two places are taken */
    add(mem(SOURCE + 4, 1), SEND, NEAR + 0x20);
    add(mem(SOURCE + 8, 3), SEND, FAR(1));
    add(mem(SOURCE, 3), SEND, FAR(2) - 0x200);
}

static void one_item(void) { add(mem(SOURCE, 6), SEND, FAR(1)); }

static void one_item_near(void) { add(mem(SOURCE, 4), SEND, NEAR); }

static void overlaps(void)
{
    add(mem(SOURCE, 2), SEND, NEAR + 0x20);
    add(mem(SOURCE + 1, 0), SEND, NEAR + 0x21);
    add(mem(SOURCE + 2, 0), SEND, NEAR + 0x26);
    add(mem(SOURCE, 4), SEND, NEAR + 0x20);
    add(mem(SOURCE + 4, 0), SEND, NEAR + 0x20);
    add(mem(SOURCE + 4, 0), SEND, FAR(3));
    add(mem(SOURCE, 0), SEND, FAR(4));
}

static void views(void)
{
    add(mem(SOURCE, 2), SEND | VIEWS, FAR(1));
    add(mem(SOURCE, 1), SEND | NOVA_ITEM_GUEST, NEAR + 0x30);
    add(mem(SOURCE + 32, 3), SEND | VIEWS, NEAR + 0x38);
    add(mem(SOURCE + 32, 3), SEND | VIEWS, (word)1 << 36);
    add(mem(SOURCE + 2, 0), SEND | NOVA_ITEM_DEVICE, FAR(1) + 8);
}

static void either(void)
{
    add(mem(SOURCE + 0x60, 0), NOVA_ITEM_EITHER, NEAR + 0x40); /* the receiver's: translated */
    add(mem(SOURCE, 2), NOVA_ITEM_EITHER, NEAR + 0x44);
    add(mem(SOURCE, 2), NOVA_ITEM_TRANSLATE, 0);
    add(obj(SOURCE_OBJECTS, 2), SEND, NEAR_OBJECTS); /* not what the window is for */
    add(mem(SOURCE + 0x60, 0), SEND, NEAR + 0x41);
    add(0, NOVA_ITEM_INVALID, 0);
    add(mem(SOURCE + 1, 0), NOVA_ITEM_EITHER, FAR(2));
    add(mem(SOURCE + 0x77, 0), SEND, FAR(4)); /* nothing there */
    add(mem(SOURCE + 1, 0), SEND, FAR(3));
}

/* More than one step takes. */
static void many_near(void)
{
    for (unsigned i = 0; i < UNDO_ITEMS - 3; i++)
        add(mem(SOURCE + 32 + i % 8, 0), SEND, NEAR + 0x100 + 2 * i);
}

static void many_pieces(void)
{
    for (unsigned i = 0; i < 12; i++)
        add(mem(SOURCE, 6), SEND, NEAR + 0x100 + 64 * i);
}

static void some_ports(void)
{
    add(pio(SOURCE_PORTS, 4), SEND, 0); /* two mappings, two places are taken */
    add(pio(SOURCE_PORTS + 0x18, 2), SEND | NOVA_ITEM_GUEST, 0);
    add(pio(SOURCE_PORTS + 0x18, 3), SEND, 0);
    add(pio(SOURCE_PORTS + 0x2c, 0), SEND, 0);
    add(pio(SOURCE_PORTS, 5), SEND, 0);
}

static void ports_one_by_one(void)
{
    for (unsigned i = 0; i < 16; i++)
        add(pio(SOURCE_PORTS + 2 * i, 0), SEND | (i % 3 ? 0 : NOVA_ITEM_GUEST), 0);
}

static void many_ports(void)
{
    for (unsigned i = 0; i < 0x3a; i++) /* some are not there */
        add(pio(SOURCE_PORTS + i / 2 + i % 2 * 0x1d, 0), SEND, 0);
}

static void some_objects(void)
{
    add(obj(SOURCE_OBJECTS, 3), SEND, NEAR_OBJECTS); /* two places are taken, one is empty */
    add(obj(SOURCE_OBJECTS, 3), SEND, 0x8040);
    add(obj(SOURCE_OBJECTS, 0), SEND, NEAR_OBJECTS + 3);
    add(obj(SOURCE_OBJECTS, 0), SEND, NEAR_OBJECTS + 3);
    add(obj(SOURCE_OBJECTS + 4, 1), SEND, 0x40000);
    add(obj(SOURCE_OBJECTS, 3), SEND, 0x8044);
    add(obj(SOURCE_OBJECTS, 0), SEND, 0xfffff0);
    add(obj(SOURCE_OBJECTS + 1, 0), SEND, 0x88000);
}

static void many_objects(void)
{
    for (unsigned i = 0; i < 60; i++)
        add(obj(SOURCE_OBJECTS, 3), SEND, 0x2000 + 48 * i);
}

/* From the kernel's own. */
static void kernel_pages(void)
{
    add(mem(0x5400, 3), SEND | NOVA_ITEM_KERNEL, NEAR);
    add(mem(0x5410, 0), SEND | NOVA_ITEM_KERNEL | NOVA_ITEM_WRITE_COMBINE, NEAR + 0x20);
    add(mem(0x5200, 2), SEND, NEAR + 0x30);
    add(mem(0x5400, 3), SEND | NOVA_ITEM_KERNEL | VIEWS, FAR(1));
    add(mem(0x3ff, 1), SEND | NOVA_ITEM_KERNEL, FAR(2)); /* up to the kernel */
    add(mem(0x5200, 2), SEND, FAR(3));
}

static void kernel_ports(void)
{
    add(pio(0x40, 3), SEND | NOVA_ITEM_KERNEL, 0);
    add(pio(0x44, 4), SEND | NOVA_ITEM_KERNEL, 0);
    add(pio(SOURCE_PORTS, 3), SEND, 0);
    add(pio(0x80, 0), SEND | NOVA_ITEM_KERNEL, 0);
    add(pio(0x90, 0), SEND | NOVA_ITEM_KERNEL, 0);
}

static void kernel_objects(void)
{
    add(obj(0, 1), SEND | NOVA_ITEM_KERNEL, NEAR_OBJECTS);
    add(obj(SEMAPHORES, 2), SEND, NEAR_OBJECTS + 4);
    add(obj(NOVA_CPUS + 4, 2), SEND | NOVA_ITEM_KERNEL, 0x9000);
    add(obj(NOVA_CPUS + 8, 2), SEND | NOVA_ITEM_KERNEL, 0xa0000);
}

/* Within one PD: what an item has made is what the next one sends. */
static void within(void)
{
    add(mem(SOURCE, 2), SEND, NEAR + 0x40);
    add(mem(NEAR + 0x40, 2), SEND, NEAR + 0x50);
    add(mem(NEAR + 0x50, 1), SEND, NEAR + 0x60);
    add(mem(SOURCE, 4), SEND, SOURCE + 8);
    add(mem(NEAR + 0x60, 1), SEND, FAR(1));
    add(mem(NEAR + 0x40, 4), SEND, FAR(2));
}

/* The other way round: what is made later is not sent. */
static void within_backwards(void)
{
    add(mem(NEAR + 0x60, 1), SEND, NEAR + 0x70);
    add(mem(NEAR + 0x40, 2), SEND, NEAR + 0x50);
    add(mem(SOURCE, 2), SEND, NEAR + 0x40);
    add(mem(SOURCE, 2), SEND, NEAR + 0x60);
    add(mem(NEAR + 0x60, 1), SEND, FAR(1));
}

/* Within a PD no port can go anywhere. */
enum who { OTHER = 1 << SENDER_OTHER, ROOT = 1 << SENDER_ROOT, SAME = 1 << SENDER_SAME, ANY = OTHER | SAME };

static const struct {
    const char *name;
    void (*make)(void);
    unsigned type, senders;
} messages[] = {{"pages far apart", far_pages, NOVA_CRD_MEM, ANY},
                {"ranges of several mappings", ranges, NOVA_CRD_MEM, ANY},
                {"one item", one_item, NOVA_CRD_MEM, ANY},
                {"one item with room for its tables", one_item_near, NOVA_CRD_MEM, ANY},
                {"items that overlap", overlaps, NOVA_CRD_MEM, ANY},
                {"all views", views, NOVA_CRD_MEM, ANY},
                {"translate or delegate", either, NOVA_CRD_MEM, ANY},
                {"many pages", many_near, NOVA_CRD_MEM, ANY},
                {"many pieces", many_pieces, NOVA_CRD_MEM, ANY},
                {"ports", some_ports, NOVA_CRD_PIO, OTHER},
                {"port by port", ports_one_by_one, NOVA_CRD_PIO, OTHER},
                {"many ports", many_ports, NOVA_CRD_PIO, OTHER},
                {"objects", some_objects, NOVA_CRD_OBJ, ANY},
                {"many objects", many_objects, NOVA_CRD_OBJ, ANY},
                {"the kernel's pages", kernel_pages, NOVA_CRD_MEM, ROOT},
                {"the kernel's ports", kernel_ports, NOVA_CRD_PIO, ROOT},
                {"the kernel's objects", kernel_objects, NOVA_CRD_OBJ, ROOT},
                {"pages within one PD", within, NOVA_CRD_MEM, SAME},
                {"pages within one PD, backwards", within_backwards, NOVA_CRD_MEM, SAME}};

bool undo_message(const struct route *route, unsigned number, struct undo_message *message)
{
    for (unsigned i = 0; i < sizeof messages / sizeof *messages; i++) {
        /* What events have for a window is memory. */
        if (!(messages[i].senders >> route->sender & 1) || (route->way == WAY_EVENT && messages[i].type != NOVA_CRD_MEM) ||
            number--)
            continue;
        memset(message, 0, sizeof *message);
        message->name = messages[i].name;
        message->delegate_window = nova_crd(messages[i].type, 0, 31, NOVA_PERM_ALL);
        message->translate_window = nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL);
        to = message;
        messages[i].make();
        return true;
    }
    return false;
}

void undo_message_more(struct undo_message *message)
{
    bool root = message->item[0].control & NOVA_ITEM_KERNEL;
    unsigned kernel = SEND | (root ? NOVA_ITEM_KERNEL : 0);
    to = message;
    switch (nova_crd_type(message->delegate_window)) {
    case NOVA_CRD_MEM:
        add(mem(root ? 0x5500 : SOURCE + 48, 0), kernel, NEAR + 0x90);
        add(mem(root ? 0x5501 : SOURCE + 49, 0), kernel, FAR(9));
        break;
    case NOVA_CRD_PIO:
        add(pio(root ? 0xa0 : SOURCE_PORTS + 0x3e, 0), kernel, 0);
        add(pio(root ? 0xb0 : SOURCE_PORTS + 0x3c, 0), kernel, 0);
        break;
    default:
        add(obj(root ? NOVA_CPUS + 12 : SOURCE_OBJECTS, 0), kernel, NEAR_OBJECTS + 0x12);
        add(obj(root ? NOVA_CPUS + 13 : SOURCE_OBJECTS, 0), kernel, 0x700000);
        break;
    }
}
