/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Life of a machine: its protection domain and virtual CPUs are created when a guest starts and destroyed when it ends; RAM, handlers and portals stay for the next one.
 * Only the supervisor calls these functions.
 */
#include "vmm.h"

enum { QUOTA = 160, PORTAL_ORDER = 9 };
NOVA_STATIC_ASSERT(1 << PORTAL_ORDER == VCPUS * NOVA_EVENTS_VM, "event portals of all virtual CPUs, in one piece");

int vm_create(struct vm *vm, unsigned number, const unsigned *cpus, nova_word ram_room)
{
    nova_word portals = nova_selectors(VCPUS * NOVA_EVENTS_VM, VCPUS * NOVA_EVENTS_VM);
    unsigned order = 0;
    memset(vm, 0, sizeof *vm);
    vm->number = number;
    vm->pd = nova_selectors(1, 1);
    vm->hold = nova_selectors(2, 2);
    vm->freed = vm->hold + 1;
    while (NOVA_PAGE_SIZE << order < ram_room)
        order++;
    vm->ram_room = NOVA_PAGE_SIZE << order;
    vm->ram = nova_allocate_pages(order, NOVA_MEM_RWX);
    if (!vm->ram || !vm_lock_create(vm) || nova_create_sm(vm->hold, nova_pd, 0) || nova_create_sm(vm->freed, nova_pd, 0))
        return 0;
    for (unsigned i = 0; i < VCPUS; i++) {
        struct vcpu *vcpu = &vm->vcpu[i];
        vcpu->vm = vm;
        vcpu->number = i;
        vcpu->cpu = cpus[i];
        vcpu->portals = portals + i * NOVA_EVENTS_VM;
        if (!vcpu_create(vcpu))
            return 0;
    }
    return 1;
}

static void ram_clear(struct vm *vm)
{
    for (volatile nova_word *word = (nova_word *)vm->ram, *end = (nova_word *)(vm->ram + vm->ram_size); word < end; word++)
        *word = 0;
}

static void vcpu_reset(struct vcpu *vcpu)
{
    vcpu->runs = vcpu->halted = 0;
    memset(vcpu->doorbell, 0, sizeof vcpu->doorbell);
    vcpu->pat = 0x0007040600070406; /* Intel SDM vol. 3, 11.12.4 */
    vcpu->apic_base = 0;
    vcpu->cr8 = 0;
    vcpu->exits = 0;
    nova_sm_down(vcpu->wake, NOVA_SM_ZERO, 1); /* what is left of the last machine */
}

int vm_start(struct vm *vm, const struct guest *guest)
{
    nova_word status;
    vm->guest = guest;
    vm->status = -1;
    vm->text_length = 0;
    vm->ram_size = (nova_word)guest->megabytes << 20;
    if (vm->ram_size > vm->ram_room || guest->vcpus < 1 || guest->vcpus > VCPUS) {
        nova_printf("vmm: %s asks for %u MiB and %u virtual CPUs: at most %lu and %u\n", guest->name, guest->megabytes,
                    guest->vcpus, vm->ram_room >> 20, VCPUS);
        return 0;
    }
    ram_clear(vm);
    if (!guest_load(vm))
        return 0;
    uart_reset(vm);
    pic_reset(vm);
    pit_reset(vm);
    rtc_reset(vm);
    status = nova_create_pd(vm->pd, nova_pd, nova_crd(NOVA_CRD_OBJ, vm->vcpu[0].portals, PORTAL_ORDER, NOVA_PERM_ALL),
                            nova_quota(0, QUOTA));
    for (unsigned i = 0; i < guest->vcpus && !status; i++) {
        struct vcpu *vcpu = &vm->vcpu[i];
        vcpu_reset(vcpu);
        status = nova_create_ec(vcpu->ec, vm->pd, vcpu->cpu, 0, 0, i * NOVA_EVENTS_VM, NOVA_EC_GLOBAL);
    }
    if (status) {
        nova_printf("vmm: %s: no protection domain or virtual CPU, status %lu\n", guest->name, status);
        return 0;
    }
    vm->limit = nova_tsc() + (uint64_t)guest->limit_s * 1000 * nova_hip->tsc_khz;
    vm->state = VM_RUNS;
    status = vcpu_run(&vm->vcpu[0]);
    if (status)
        nova_printf("vmm: %s: the virtual CPU gets no time, status %lu\n", guest->name, status);
    return !status;
}

/* A handler whose virtual CPU was killed in the middle of an event goes on only when somebody calls it. */
static void handlers_drain(struct vm *vm)
{
    for (unsigned i = 0; i < VCPUS; i++) {
        nova_self()->utcb->items = 0;
        nova_call(vm->vcpu[i].drain, 0);
    }
}

void vm_stop(struct vm *vm)
{
    vm_lock(vm);
    for (unsigned i = 0; i < VCPUS; i++)
        nova_revoke(nova_crd(NOVA_CRD_OBJ, vm->vcpu[i].ec, 2, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, vm->freed);
    vm_lock_break(vm);
    handlers_drain(vm);
    nova_revoke(nova_crd(NOVA_CRD_OBJ, vm->pd, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, vm->freed);
    for (unsigned i = 0; i < VCPUS + 1; i++)
        nova_sm_down(vm->freed, 0, 0);
    handlers_drain(vm); /* of events that came before they were dead */
    nova_revoke(nova_crd(NOVA_CRD_OBJ, vm->lock, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    nova_create_sm(vm->lock, nova_pd, 0);
    vm->lock_count = 0;
    vm->state = VM_OFF;
}
