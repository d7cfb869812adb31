/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 6, assign_gsi and assign_pci: what they refuse, and the chain of an interrupt semaphore. GSI 7 (a printer port, if any) is used:
 * nothing raises it, so an up of the program stands in for the interrupt.
 */
#include "abi.h"

enum { GSI = 7 };
#define NO_CHANGE (~(nova_word)0)

static nova_word gsi;

static enum nova_status assign(nova_word semaphore, nova_word device, unsigned cpu, nova_word signal)
{
    nova_word address, data;
    return nova_assign_gsi(semaphore, 0, device, cpu, signal, &address, &data);
}

static void test_gsi_errors(void)
{
    nova_word sm = new_semaphore(0), other_gsi = new_selector(), page = (nova_word)nova_allocate(NOVA_PAGE_SIZE, NOVA_PAGE_SIZE);
    unsigned wrong = 0;

    nova_take_objects(nova_hip_cpus(nova_hip) + GSI + 1, other_gsi, 1);
    check("assign_gsi of an ordinary semaphore", assign(sm, 0, boot_cpu, NO_CHANGE), NOVA_BAD_CAP);
    check("assign_gsi of an empty selector", assign(new_selector(), 0, boot_cpu, NO_CHANGE), NOVA_BAD_CAP);
    check("assign_gsi of a PD", assign(nova_pd, 0, boot_cpu, NO_CHANGE), NOVA_BAD_CAP);
    check("assign_gsi to CPU 0xfff", assign(gsi, 0, 0xfff, NO_CHANGE), NOVA_BAD_CPU);
    for (unsigned cpu = 0; cpu < nova_hip_cpus(nova_hip); cpu++)
        if (!(nova_hip_cpu(nova_hip, cpu)->flags & NOVA_CPU_ONLINE)) {
            check("assign_gsi to a CPU that is not online", assign(gsi, 0, cpu, NO_CHANGE), NOVA_BAD_CPU);
            break;
        }
    check("assign_gsi: signal to a PD", assign(gsi, 0, boot_cpu, nova_pd), NOVA_BAD_CAP);
    check("assign_gsi: signal to an empty selector", assign(gsi, 0, boot_cpu, new_selector()), NOVA_BAD_CAP);
    check("assign_gsi: signal to another interrupt semaphore", assign(gsi, 0, boot_cpu, other_gsi), NOVA_BAD_CAP);
    check("assign_gsi: an address although it is a pin", assign(gsi, page, boot_cpu, NO_CHANGE), NOVA_BAD_DEV);
    /* Every power of two and its neighbours as CPU, and as the semaphore to signal. */
    for (unsigned bit = 0; bit < NOVA_WORD_BITS; bit++)
        for (int around = -1; around <= 1; around++) {
            nova_word value = ((nova_word)1 << bit) + (nova_word)around, there = 1;
            struct nova_args args = {0, value, NO_CHANGE, 0};
            if (value >= nova_hip_cpus(nova_hip) || !(nova_hip_cpu(nova_hip, (unsigned)value)->flags & NOVA_CPU_ONLINE))
                wrong += nova_hypercall_args(nova_arg1(NOVA_ASSIGN_GSI, 0, gsi), &args) != NOVA_BAD_CPU;
            if (value >= nova_hip->selectors || (!nova_lookup(object(value, 0), &there) && !there)) {
                args = (struct nova_args){0, boot_cpu, value, 0};
                wrong += nova_hypercall_args(nova_arg1(NOVA_ASSIGN_GSI, 0, gsi), &args) != NOVA_BAD_CAP;
            }
        }
    check("assign_gsi: CPUs and semaphores at and beyond every limit", wrong, 0);
    drop(other_gsi, 0);
}

static void test_gsi_chain(void)
{
    nova_word target = new_semaphore(0), other = new_semaphore(0), address = 1, data = 1, value = 0, count = 0;

    check("assign_gsi of a pin", nova_assign_gsi(gsi, 0, 0, boot_cpu, NO_CHANGE, &address, &data), NOVA_SUCCESS);
    check("a pin has no MSI address", address, 0);
    check("a pin has no MSI data", data, 0);
    nova_sm_up(gsi);
    check("without a chain: down on the interrupt semaphore", nova_sm_down(gsi, 0, 1), NOVA_SUCCESS);
    check("once", nova_sm_down(gsi, 0, 1), NOVA_COM_TIM);

    check("assign_gsi with a signal", assign(gsi, 0, boot_cpu, target), NOVA_SUCCESS);
    nova_sm_up(gsi);
    check("the target is raised", nova_sm_down_signal(target, 0, 1, &value, &count), NOVA_SUCCESS);
    check("down on a chained interrupt semaphore returns at once", nova_sm_down(gsi, 0, 0), NOVA_SUCCESS);
    check("and takes nothing from the target", nova_sm_down(target, 0, 1), NOVA_COM_TIM);
    check("all ones leave the chain as it is", assign(gsi, 0, boot_cpu, NO_CHANGE), NOVA_SUCCESS);
    nova_sm_up(gsi);
    check("the target is still raised", nova_sm_down(target, 0, 1), NOVA_SUCCESS);

    nova_sm_up(gsi);
    check("another target", assign(gsi, 0, boot_cpu, other), NOVA_SUCCESS);
    check("a pending up has moved along", nova_sm_down(other, 0, 1), NOVA_SUCCESS);
    check("and is not at the old one", nova_sm_down(target, 0, 1), NOVA_COM_TIM);

    nova_sm_up(gsi);
    check("naming the interrupt semaphore itself removes the chain", assign(gsi, 0, boot_cpu, gsi), NOVA_SUCCESS);
    check("a pending up has moved back", nova_sm_down(gsi, 0, 1), NOVA_SUCCESS);
    nova_sm_up(gsi);
    check("the interrupt semaphore is raised again", nova_sm_down(gsi, 0, 1), NOVA_SUCCESS);
    check("and no target is", nova_sm_down(other, 0, 1), NOVA_COM_TIM);
}

static void test_pci(void)
{
    nova_word sm = new_semaphore(0), page = (nova_word)nova_allocate(NOVA_PAGE_SIZE, NOVA_PAGE_SIZE);

    check("assign_pci to a semaphore", nova_assign_pci(sm, page, 0), NOVA_BAD_CAP);
    check("assign_pci to an empty selector", nova_assign_pci(new_selector(), page, 0), NOVA_BAD_CAP);
    check("assign_pci of a page of RAM", nova_assign_pci(nova_pd, page, 0), NOVA_BAD_DEV);
    check("assign_pci of an address where nothing is", nova_assign_pci(nova_pd, free_range(0), 0), NOVA_BAD_DEV);
    check("assign_pci of an address in the kernel", nova_assign_pci(nova_pd, NOVA_USER_LIMIT, 0), NOVA_BAD_DEV);
}

void test_interrupt(void)
{
    gsi = new_selector();
    section("6.assign_gsi");
    check("take an interrupt semaphore", nova_take_objects(nova_hip_cpus(nova_hip) + GSI, gsi, 1), NOVA_SUCCESS);
    test_gsi_errors();
    test_gsi_chain();
    drop(gsi, 0);
    section("6.assign_pci");
    test_pci();
}
