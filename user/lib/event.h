/* SPDX-License-Identifier: MIT */
/*
 * Events of threads: the startup event, which every thread needs, and exceptions, of which most programs only want a report.
 */
#ifndef NOVA_LIB_EVENT_H
#define NOVA_LIB_EVENT_H

#include <user/lib/thread.h>

/* What the exception portals deliver. */
#define NOVA_EVENT_MTD                                                                                                             \
    (NOVA_MTD_GPR_ACDB | NOVA_MTD_GPR_BSD | NOVA_MTD_SP | NOVA_MTD_IP | NOVA_MTD_FLAGS | NOVA_MTD_QUAL | NOVA_MTD_GPR_R8_R15)

/*
 * Creates the startup portal and one for each exception that a program can cause, at event_base and up, on a handler of the CPU
 * where the threads with that event base run. `exception` as in nova_portal_create, 0 for one that prints nova_crash_report and
 * then never replies, so that the thread stands still. The portal's id is the exception's vector.
 */
enum nova_status nova_events_create(nova_word event_base, const struct nova_thread *handler, void (*exception)(void));

/* Prints what happened to whom and where, from the state that the portal delivered. Takes no lock of the console. */
void nova_crash_report(nova_word vector, const struct nova_utcb *utcb);

/* Name of an exception vector. */
const char *nova_exception_name(nova_word vector);

#endif
