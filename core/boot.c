/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a machine whose CPUs are up to a root task that is ready to run: kernel PD, CPUs with their idle threads, interrupt semaphores, HIP, root.
 * Runs once on the boot CPU while the others wait. Running out of memory here is fatal: nobody is there who could be told.
 */
#include "core/arrive.h"
#include "core/elf.h"
#include "core/hip.h"
#include "core/interrupt.h"
#include "core/lib/assert.h"
#include "core/page_alloc.h"
#include "core/schedule.h"
#include "hal/physical.h"

enum { ROOT_PRIORITY = 1, ROOT_QUANTUM = 10000, KERNEL_RESERVE = 16 };

static struct pd *kernel_pd;

void kernel_memory_init(void *begin, void *end) { page_alloc_init(begin, end); }

void *kernel_boot_alloc(unsigned order) { return page_alloc_zero(order); }

struct cpu *kernel_cpu(unsigned number) { return cpu_online(number); }

static void *need(void *memory)
{
    if (!memory)
        fatal("boot: kernel memory is exhausted before the root task starts: boot with a larger kmem=SIZE");
    return memory;
}

static void cpu_create(unsigned number)
{
    struct cpu *cpu = need(slab_alloc(&kernel_pd->account, sizeof *cpu));
    cpu->number = number;
    for (unsigned i = 0; i < PRIORITIES; i++)
        list_init(&cpu->ready[i]);
    list_init(&cpu->inbox);
    list_init(&cpu->dropped);
    list_init(&cpu->stirred);
    cpu->timer_deadline = ~(uint64_t)0;
    cpu->idle_ec = need(ec_create_idle(cpu, kernel_pd, ec_arrive));
    cpu->idle_sc = need(slab_alloc(&kernel_pd->account, sizeof *cpu->idle_sc));
    sc_init(cpu->idle_sc, kernel_pd, cpu->idle_ec, cpu, 0, 1000, sc_arrive);
    object_name(&cpu->idle_sc->object); /* the kernel's own: never goes */
    cpu->idle_sc->state = SC_RUNNING;
    cpu->current = cpu->resumed = cpu->idle_ec;
    cpu->sc = cpu->idle_sc;
    cpu->space = kernel_pd;
    kernel_object[number].object = &cpu->idle_sc->object;
    kernel_object[number].permissions = NOVA_SC_ALL;
    cpu_table[number] = cpu;
}

static void segment_map(void *context, const struct elf_segment *segment)
{
    struct pd *root = context;
    word first = segment->address >> PAGE_BITS, last = (segment->address + segment->size - 1) >> PAGE_BITS;
    word frame = (word)((boot_info.root_begin + segment->offset) >> PAGE_BITS);
    switch (space_give_memory(&root->spaces, first, last - first + 1, frame, segment->rights, 0)) {
    case NOVA_SUCCESS: return;
    case NOVA_BAD_PAR:
        fatal("root task: the segment at address 0x%lx shares a page with another one", (unsigned long)segment->address);
    default: need(0);
    }
}

static void root_name(struct pd *root, word index, struct object *object, unsigned permissions)
{
    if (object_space_insert(&root->spaces.objects, NOVA_EVENTS_THREAD + index, object, permissions) != OBJECT_INSERTED)
        need(0);
}

static struct semaphore *root_semaphore(struct pd *root)
{
    struct semaphore *semaphore = 0;
    if (semaphore_create(root, 0, 0, &semaphore) != NOVA_SUCCESS)
        need(0);
    return semaphore;
}

static void root_create(struct cpu *cpu)
{
    struct pd *root = need(pd_create(kernel_pd, &pd_type));
    struct quota *quota = &kernel_pd->account.quota;
    root->root = true;
    object_ref(&kernel_pd->object);
    if (quota_room(quota) <= KERNEL_RESERVE || !quota_move(quota, &root->account.quota, quota_room(quota) - KERNEL_RESERVE))
        need(0);

    struct nova_hip *hip = need(account_page_alloc(&kernel_pd->account, 0));
    hip_fill(hip);
    word hip_page = NOVA_HIP_ADDRESS >> PAGE_BITS;
    if (space_give_memory(&root->spaces, hip_page, 1, (word)(virt_to_phys(hip) >> PAGE_BITS), NOVA_MEM_R, 0) != NOVA_SUCCESS)
        need(0);

    struct ec_arguments arguments = {cpu, root,     root, cpu, EC_GLOBAL, NOVA_ROOT_UTCB_ADDRESS >> PAGE_BITS, NOVA_HIP_ADDRESS,
                                     0,   ec_arrive};
    struct ec *ec = 0;
    if (ec_create(&arguments, &ec) != NOVA_SUCCESS)
        need(0);
    ec->frame.ip = elf_load(boot_info.root_begin, boot_info.root_end, segment_map, root);
    ec->frame.arg[0] = cpu->number;

    struct sc *sc = need(slab_alloc(&root->account, sizeof *sc));
    object_ref(&ec->object);
    object_ref(&root->object);
    sc_init(sc, root, ec, cpu, ROOT_PRIORITY, ROOT_QUANTUM, sc_arrive);
    root_name(root, NOVA_ROOT_PD, &root->object, NOVA_PD_ALL);
    root_name(root, NOVA_ROOT_EC, &ec->object, NOVA_EC_ALL);
    root_name(root, NOVA_ROOT_SC, &sc->object, NOVA_SC_ALL);
    kernel_suspend_semaphore = root_semaphore(root);
    kernel_register_semaphore = root_semaphore(root);
    root_name(root, NOVA_ROOT_SUSPEND_SM, &kernel_suspend_semaphore->object, NOVA_SM_ALL);
    root_name(root, NOVA_ROOT_MSR_SM, &kernel_register_semaphore->object, NOVA_SM_ALL);
    inbox_post(cpu, cpu, &sc->inbox);
}

void kernel_init(void)
{
    virtualization = hal_virtualization();
    kernel_pd = need(pd_create(0, &pd_type));
    kernel_pd->account.quota.limit = page_alloc_free_pages();
    for (unsigned i = 0; i < boot_info.cpus; i++)
        if (boot_info.cpu[i].online)
            cpu_create(i);
    if (!interrupt_init(kernel_pd))
        need(0);
    root_create(cpu_table[boot_info.boot_cpu]);
}
