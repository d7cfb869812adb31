/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 3 on I/O ports: what is not delegated raises #GP, ports keep their numbers, revoke takes them back.
 * Ports 0xed00-0xed0f: nothing is there on any PC we know, so reading them has no effect.
 */
#include "abi.h"

enum { PORT = 0xed00 };

static struct nova_thread *receiver;
static nova_word receive, result;

NOVA_PORTAL(receive_ports);

static void receive_ports_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    result = nova_item(utcb, 0)->crd;
    utcb->items = 0;
}

static void in_byte(nova_word port) { nova_inb((uint16_t)port); }

static void in_long(nova_word port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"((uint16_t)port));
}

static nova_word ports(nova_word base, unsigned order) { return nova_crd(NOVA_CRD_PIO, base, order, NOVA_PERM_ALL); }

static nova_word send_ports(nova_word item, nova_word hotspot, nova_word window)
{
    result = 0xdead;
    nova_message_windows(receiver->utcb, 0, window);
    nova_message_begin(root_utcb);
    nova_message_item(root_utcb, item, nova_control(NOVA_ITEM_DELEGATE, hotspot));
    return nova_call(receive, 0) ? 0xbad : result;
}

void test_port(void)
{
    nova_word crd;

    remark("I/O ports");
    section("3.ports");
    receiver = new_handler(boot_cpu);
    receive = new_portal(receiver, receive_ports, 0);

    check("in from a port that is not delegated", probe(in_byte, PORT), EVENT_GP);
    check("its error code", (nova_word)last_event.state.qual[0], 0);
    check("take 16 ports", nova_take_ports(PORT, 16), NOVA_SUCCESS);
    check("first port", probe(in_byte, PORT), NO_EXCEPTION);
    check("last port", probe(in_byte, PORT + 15), NO_EXCEPTION);
    check("port before them", probe(in_byte, PORT - 1), EVENT_GP);
    check("port behind them", probe(in_byte, PORT + 16), EVENT_GP);
    check("access to four ports inside", probe(in_long, PORT + 12), NO_EXCEPTION);
    check("access to four ports over the end", probe(in_long, PORT + 14), EVENT_GP);
    check("lookup of a port", nova_lookup(ports(PORT + 5, 0), &crd), NOVA_SUCCESS);
    check_true("finds it", nova_crd_type(crd) == NOVA_CRD_PIO && nova_crd_base(crd) <= PORT + 5 &&
                               PORT + 5 < nova_crd_base(crd) + ((nova_word)1 << nova_crd_order(crd)));
    nova_lookup(ports(PORT + 16, 0), &crd);
    check("lookup of a port that is not there", crd, 0);

    check("delegate: the item inside the window is named", send_ports(ports(PORT + 4, 1), 0, ports(0, 16)), ports(PORT + 4, 1));
    check("delegate: the window inside the item is named", send_ports(ports(PORT, 4), 0, ports(PORT + 8, 2)), ports(PORT + 8, 2));
    check("delegate: the hotspot does not count", send_ports(ports(PORT + 4, 0), 0x123, ports(0, 16)), ports(PORT + 4, 0));
    check("delegate: nothing in common", send_ports(ports(PORT, 2), 0, ports(PORT + 8, 2)), 0);
    check("delegate: ports through an object window", send_ports(ports(PORT, 2), 0, objects(PORT, 2)), 0);

    check("revoke of one port", nova_revoke(ports(PORT + 3, 0), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    check("it is gone", probe(in_byte, PORT + 3), EVENT_GP);
    check("its neighbour is not", probe(in_byte, PORT + 4), NO_EXCEPTION);
    nova_revoke(ports(PORT, 4), NOVA_REVOKE_SELF, 0, 0);
    check("all are gone", probe(in_byte, PORT + 4), EVENT_GP);
}
