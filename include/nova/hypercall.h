/* SPDX-License-Identifier: MIT */
/*
 * Hypercall numbers, flags and status codes (abi.md sections 2 and 6), object types and their permission bits (section 1).
 * ARG_1 of a hypercall: bits 0-3 number, bits 4-7 flags, bits 8.. first selector. On return bits 0-7 hold the status.
 */
#ifndef NOVA_HYPERCALL_H
#define NOVA_HYPERCALL_H

#include <nova/word.h>

#define NOVA_API_VERSION 10

enum nova_hypercall {
    NOVA_CALL = 0,
    NOVA_REPLY = 1,
    NOVA_CREATE_PD = 2,
    NOVA_CREATE_EC = 3,
    NOVA_CREATE_SC = 4,
    NOVA_CREATE_PT = 5,
    NOVA_CREATE_SM = 6,
    NOVA_REVOKE = 7,
    NOVA_MISC = 8,
    NOVA_EC_CTRL = 9,
    NOVA_SC_CTRL = 10,
    NOVA_PT_CTRL = 11,
    NOVA_SM_CTRL = 12,
    NOVA_ASSIGN_PCI = 13,
    NOVA_ASSIGN_GSI = 14,
    NOVA_PD_CTRL = 15,
    NOVA_HYPERCALLS = 16
};

enum nova_status {
    NOVA_SUCCESS = 0,
    NOVA_COM_TIM = 1, /* timeout */
    NOVA_COM_ABT = 2, /* the callee died */
    NOVA_BAD_HYP = 3,
    NOVA_BAD_CAP = 4,
    NOVA_BAD_PAR = 5,
    NOVA_BAD_FTR = 6,
    NOVA_BAD_CPU = 7,
    NOVA_BAD_DEV = 8,
    NOVA_QUO_OOM = 9 /* kernel memory of a PD exhausted */
};

/* Flags, bits 4-7 of ARG_1. */
enum {
    NOVA_CALL_NOBLOCK = 1, /* call: do not wait for a busy callee */
    NOVA_EC_GLOBAL = 1,    /* create_ec: a thread (or, with UTCB address 0, a virtual CPU) */
    NOVA_REVOKE_SELF = 1,
    NOVA_REVOKE_REMOTE = 2,
    NOVA_REVOKE_KEEP = 4,
    NOVA_MISC_LOOKUP = 0,
    NOVA_MISC_DELEGATE = 1,
    NOVA_MISC_SUSPEND = 2,
    NOVA_EC_RECALL = 0,
    NOVA_EC_YIELD = 1,
    NOVA_EC_HELP = 2,
    NOVA_EC_RESCHEDULE = 3,
    NOVA_EC_MIGRATE = 4,
    NOVA_EC_TIME = 5,
    NOVA_EC_GET_STATE = 6,
    NOVA_EC_SET_STATE = 7,
    NOVA_EC_MSR = 8,
    NOVA_SM_UP = 0,
    NOVA_SM_DOWN = 1,
    NOVA_SM_ZERO = 2,   /* with DOWN: take the counter to zero */
    NOVA_GSI_MODE = 4,  /* assign_gsi: bits 0 and 1 are valid */
    NOVA_GSI_LOW = 1,   /* polarity active low */
    NOVA_GSI_LEVEL = 2, /* trigger level */
    NOVA_PD_QUOTA_MOVE = 0,
    NOVA_PD_QUOTA_READ = 2
};

enum nova_object_type { NOVA_PD = 0, NOVA_EC = 1, NOVA_SC = 2, NOVA_PT = 3, NOVA_SM = 4, NOVA_OBJECT_TYPES = 5 };

/* Permission bits in a capability, and what the root capability of each type holds (abi.md section 1). */
enum {
    NOVA_PD_CREATE_PD = 1 << NOVA_PD,
    NOVA_PD_CREATE_EC = 1 << NOVA_EC,
    NOVA_PD_CREATE_SC = 1 << NOVA_SC,
    NOVA_PD_CREATE_PT = 1 << NOVA_PT,
    NOVA_PD_CREATE_SM = 1 << NOVA_SM,
    NOVA_PD_ALL = 0x1f,
    NOVA_EC_CTRL_PERM = 1 << 0,
    NOVA_EC_BIND_SC = 1 << 2,
    NOVA_EC_BIND_PT = 1 << 3,
    NOVA_EC_ALL = 0x0d,
    NOVA_SC_CTRL_PERM = 1 << 0,
    NOVA_SC_ALL = 0x01,
    NOVA_PT_CTRL_PERM = 1 << 0,
    NOVA_PT_CALL_PERM = 1 << 1,
    NOVA_PT_CROSS_CPU_PERM = 1 << 4,
    NOVA_PT_ALL = 0x13,
    NOVA_SM_UP_PERM = 1 << 0,
    NOVA_SM_DOWN_PERM = 1 << 1,
    NOVA_SM_ALL = 0x03
};

/* Event numbers of threads (abi.md section 5): 0-29 are exception vectors. */
enum { NOVA_EVENT_STARTUP = 30, NOVA_EVENT_RECALL = 31, NOVA_EVENTS_THREAD = 32 };
/* Event numbers of virtual CPUs above the hardware exit codes (abi.md section 5). */
enum {
    NOVA_VM_UNKNOWN = 251,
    NOVA_VM_NPT_FAULT = 252,
    NOVA_VM_INVALID_STATE = 253,
    NOVA_VM_STARTUP = 254,
    NOVA_VM_RECALL = 255,
    NOVA_EVENTS_VM = 256
};

/* Root's first capabilities, counted from HIP.sel_exc (abi.md section 8). */
enum { NOVA_ROOT_PD = 0, NOVA_ROOT_EC = 1, NOVA_ROOT_SC = 2, NOVA_ROOT_SUSPEND_SM = 3, NOVA_ROOT_MSR_SM = 4, NOVA_ROOT_CAPS = 5 };

/* First argument word of a hypercall. */
static inline nova_word nova_arg1(unsigned number, unsigned flags, nova_word selector)
{
    return (nova_word)number | (nova_word)flags << 4 | selector << 8;
}

/* create_sc: priority 1-127 and time quantum in microseconds (abi.md section 6). */
static inline nova_word nova_qpd(unsigned priority, nova_word quantum_us) { return (nova_word)priority | quantum_us << 12; }

/* create_pd: the lower half of the word is the lower, the upper half the upper limit, in pages (abi.md section 6). */
static inline nova_word nova_quota(nova_word lower, nova_word upper) { return lower | upper << (NOVA_WORD_BITS / 2); }

#endif
