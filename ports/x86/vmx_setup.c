/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finding out what VMX of this machine can do, switching it on, and filling in a new VMCS: the host's part of it is the same for every virtual CPU of a CPU but
 * for CR3, and is written on that CPU. What it lacks of EPT, guests without paging (unrestricted guest) and EFER in the VMCS, the vTLB does without.
 */
#include "ports/x86/vmx_setup.h"

#include "core/lib/log.h"
#include "core/lib/string.h"
#include "hal/physical.h"
#include "ports/x86/control.h"
#include "ports/x86/descriptors.h"
#include "ports/x86/features.h"
#include "ports/x86/kernel_map.h"
#include "ports/x86/mmu.h"
#include "ports/x86/msr.h"
#include "segments.h"

#define PAT_RESET 0x0007040600070406 /* SDM vol. 3, 11.12.4 */

enum {
    EPT_WALK_4 = 1 << 6,
    EPT_WRITE_BACK = 1 << 14,
    EPT_PAGE_2M = 1 << 16,
    EPT_PAGE_1G = 1 << 17,
    EPT_INVEPT = 1 << 20,
    EPT_INVEPT_SINGLE = 1 << 25,
    BASIC_TRUE = 55
};
#define PRIMARY_BITMAPS (PRIMARY_IO_BITMAP | PRIMARY_MSR_BITMAP)
static const uint32_t basic_page_bits = 0x7fffffff; /* revision */

struct vmx_controls vmx_pin, vmx_primary, vmx_secondary, vmx_exit_controls, vmx_entry_controls;
uint64_t vmx_cr4_known;
bool vmx_ept, vmx_unrestricted, vmx_efer;
word vmx_cr0_mask;
static uint32_t revision;
static bool host_pat;

/* One bit an MSR, reads of 0.. and 0xc0000000.., then writes; every access exits but for those below. */
static uint8_t msr_bitmap[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

static void msr_allow(uint32_t msr)
{
    uint32_t bit = msr - 0xc0000000;
    msr_bitmap[0x400 + bit / 8] &= (uint8_t) ~(1 << bit % 8);
    msr_bitmap[0xc00 + bit / 8] &= (uint8_t) ~(1 << bit % 8);
}

static struct vmx_controls controls_read(uint32_t msr)
{
    uint64_t value = rdmsr(msr);
    return (struct vmx_controls){(uint32_t)value, (uint32_t)(value >> 32)};
}

static bool lacks(const char *what)
{
    log_line("vmx: virtual CPUs need %s, which this CPU lacks", what);
    return false;
}

/* The firmware decides once for each CPU; if it has not, the kernel does. */
static bool feature_control(void)
{
    uint64_t value;
    if (!(cpuid(1, 0).c >> 5 & 1) || !rdmsr_safe(MSR_FEATURE_CONTROL, &value))
        return false;
    if (!(value & FEATURE_CONTROL_LOCK))
        return wrmsr_safe(MSR_FEATURE_CONTROL, value | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX);
    return value & FEATURE_CONTROL_VMX;
}

static bool controls_find(void)
{
    uint64_t basic = rdmsr(MSR_VMX_BASIC);
    bool true_ones = basic >> BASIC_TRUE & 1;
    uint32_t first = true_ones ? MSR_VMX_TRUE_PIN : MSR_VMX_PIN;
    revision = (uint32_t)basic & basic_page_bits;
    vmx_pin = controls_read(first);
    vmx_primary = controls_read(first + MSR_VMX_PRIMARY - MSR_VMX_PIN);
    vmx_exit_controls = controls_read(first + MSR_VMX_EXIT - MSR_VMX_PIN);
    vmx_entry_controls = controls_read(first + MSR_VMX_ENTRY - MSR_VMX_PIN);
    if ((vmx_primary.may & PRIMARY_BITMAPS) != PRIMARY_BITMAPS)
        return lacks("bitmaps of ports and MSRs");
    vmx_secondary = vmx_primary.may & PRIMARY_SECONDARY ? controls_read(MSR_VMX_SECONDARY) : (struct vmx_controls){0, 0};
    vmx_efer = vmx_exit_controls.may & EXIT_LOAD_EFER && vmx_entry_controls.may & ENTRY_LOAD_EFER;
    /* Four levels of EPT, write-back, with INVEPT. */
    const uint64_t ept_need = EPT_WALK_4 | EPT_WRITE_BACK | EPT_INVEPT | EPT_INVEPT_SINGLE;
    uint64_t ept = vmx_secondary.may & (SECONDARY_EPT | SECONDARY_VPID) ? rdmsr(MSR_VMX_EPT_VPID) : 0;
    vmx_ept = vmx_secondary.may & SECONDARY_EPT && (ept & ept_need) == ept_need && vmx_efer && !boot_info.options.vtlb;
    vmx_unrestricted = vmx_ept && vmx_secondary.may & SECONDARY_UNRESTRICTED;
    mmu_ept = vmx_ept;
    mmu_ept_leaf_levels = !(ept & EPT_PAGE_2M) ? 1 : ept & EPT_PAGE_1G ? 3 : 2;
    vmx_cr0_mask = CR0_NE | CR0_NW | CR0_CD | (vmx_unrestricted ? 0 : CR0_PE | CR0_PG);
    vcpu_needs_vtlb = !vmx_unrestricted;
    return true;
}

bool vmx_boot(void)
{
    if (!(cpuid(1, 0).c >> 5 & 1))
        return false;
    if (!feature_control()) {
        log_line("vmx: switched off by the firmware: no virtual CPUs");
        return false;
    }
    if (!controls_find())
        return false;
    if (!(vmx_secondary.may & SECONDARY_VPID))
        boot_info.options.novpid = true;
    host_pat = feature(FEATURE_PAT) && vmx_exit_controls.may & EXIT_LOAD_PAT && vmx_entry_controls.may & ENTRY_LOAD_PAT;
    vmx_cr4_known = rdmsr(MSR_VMX_CR4_FIXED1);
    vtlb_boot();
    vtlb_cr4_known &= (word)vmx_cr4_known;
    memset(msr_bitmap, 0xff, sizeof msr_bitmap);
    msr_allow(MSR_FS_BASE);
    msr_allow(MSR_GS_BASE);
    if (sizeof(word) == 8)
        msr_allow(MSR_KERNEL_GS_BASE);
    log_line("vmx: %s%s%s%s",
             vmx_unrestricted ? "EPT, unrestricted guests"
             : vmx_ept        ? "EPT"
                              : "software-filled TLB",
             boot_info.options.novpid ? "" : ", TLB tags", vmx_pin.may & PIN_VIRTUAL_NMI ? ", virtual NMIs" : "",
             vmx_primary.may & PRIMARY_TPR_SHADOW ? ", TPR shadow" : "");
    return true;
}

/* What exits load again: the same for all virtual CPUs of a CPU, and constant. */
static void host_msrs_fill(struct vmx_msr *msr)
{
    static const uint32_t numbers[VMX_MSRS] = {[VMX_MSR_KERNEL_GS] = MSR_KERNEL_GS_BASE,
                                               [VMX_MSR_STAR] = MSR_STAR,
                                               [VMX_MSR_LSTAR] = MSR_LSTAR,
                                               [VMX_MSR_CSTAR] = MSR_CSTAR,
                                               [VMX_MSR_SFMASK] = MSR_SFMASK};
    for (unsigned i = 0; sizeof(word) == 8 && i < VMX_MSRS; i++)
        msr[i] = (struct vmx_msr){numbers[i], 0, rdmsr(numbers[i])};
}

bool vmx_cpu_init(struct x86_cpu *cpu)
{
    if (!feature_control() || ((uint32_t)rdmsr(MSR_VMX_BASIC) & basic_page_bits) != revision)
        return false;
    /* The VMXON region, and what exits load. */
    char *pages = kernel_boot_alloc(1);
    if (!pages)
        return false;
    *(uint32_t *)pages = revision;
    cpu->vcpu_host = pages + PAGE_SIZE;
    host_msrs_fill(cpu->vcpu_host);
    cr0_write(cr0_read() | (word)rdmsr(MSR_VMX_CR0_FIXED0));
    cr4_write(cr4_read() | (word)rdmsr(MSR_VMX_CR4_FIXED0));
    paddr_t region = virt_to_phys(pages);
    bool fails;
    asm volatile("vmxon %1" : "=@ccbe"(fails) : "m"(region) : "memory");
    return !fails;
}

uint32_t vmx_revision(void) { return revision; }

static void host_fill(struct x86_cpu *cpu)
{
    struct {
        uint16_t limit;
        word base;
    } __attribute__((packed)) idt;
    asm volatile("sidt %0" : "=m"(idt));
    for (unsigned i = 0; i < 7; i++)
        vmwrite((enum vmcs_field)(VMCS_HOST_ES + 2 * i), 0);
    vmwrite(VMCS_HOST_CS, SELECTOR_KERNEL_CODE);
    vmwrite(VMCS_HOST_SS, SELECTOR_KERNEL_DATA);
    vmwrite(VMCS_HOST_DS, SELECTOR_KERNEL_DATA);
    vmwrite(VMCS_HOST_ES, SELECTOR_KERNEL_DATA);
    vmwrite(VMCS_HOST_TR, SELECTOR_TSS);
    vmwrite(VMCS_HOST_CR0, cr0_read() | CR0_TS); /* as it is while a guest's FPU registers are loaded */
    vmwrite(VMCS_HOST_CR4, cr4_read());
    vmwrite(VMCS_HOST_GS_BASE, sizeof(word) == 8 ? (word)cpu : 0);
    vmwrite(VMCS_HOST_TR_BASE, (word)&cpu_block_of(cpu)->tss);
    vmwrite(VMCS_HOST_GDTR_BASE, (word)cpu->gdt);
    vmwrite(VMCS_HOST_IDTR_BASE, idt.base);
    vmwrite(VMCS_HOST_SYSENTER_CS, (word)rdmsr(MSR_SYSENTER_CS));
    vmwrite(VMCS_HOST_SYSENTER_SP, (word)rdmsr(MSR_SYSENTER_SP));
    vmwrite(VMCS_HOST_SYSENTER_IP, (word)rdmsr(MSR_SYSENTER_IP));
    vmwrite64(VMCS_HOST_EFER, rdmsr(MSR_EFER));
    if (host_pat)
        vmwrite64(VMCS_HOST_PAT, rdmsr(MSR_PAT));
    vmwrite(VMCS_HOST_SP, (word)cpu);
    vmwrite(VMCS_HOST_IP, (word)vmx_exit_entry);
}

void vmcs_fill(struct x86_cpu *cpu, struct vmx *vmx)
{
    host_fill(cpu);
    uint32_t pin = PIN_INTERRUPT | PIN_NMI | (vmx_pin.may & PIN_VIRTUAL_NMI);
    uint32_t exit = (vmx_efer ? EXIT_LOAD_EFER | EXIT_SAVE_EFER : 0) | EXIT_SAVE_DEBUG | (sizeof(word) == 8 ? EXIT_HOST_64 : 0) |
                    (host_pat ? EXIT_LOAD_PAT : 0);
    uint32_t entry = (vmx_efer ? ENTRY_LOAD_EFER : 0) | ENTRY_LOAD_DEBUG | (host_pat ? ENTRY_LOAD_PAT : 0);
    vmwrite(VMCS_PIN, (pin | vmx_pin.must) & vmx_pin.may);
    vmwrite(VMCS_EXIT, (exit | vmx_exit_controls.must) & vmx_exit_controls.may);
    vmwrite(VMCS_ENTRY, (entry | vmx_entry_controls.must) & vmx_entry_controls.may);
    vmx_mode_set(vmx);
    vmwrite64(VMCS_MSR_BITMAP, kernel_image_phys(msr_bitmap));
    vmwrite64(VMCS_LINK, ~(uint64_t)0);
    vmwrite64(VMCS_GUEST_EFER, 0);
    /* The types in shadow tables are the kernel's. */
    vmwrite64(VMCS_GUEST_PAT, vmx_ept ? PAT_RESET : rdmsr(MSR_PAT));
    vmwrite(VMCS_GUEST_CR0, CR0_NE);
    vmwrite(VMCS_GUEST_CR4, CR4_VMXE);
    vmwrite(VMCS_GUEST_DR7, 0x400);
    vmwrite(VMCS_GUEST_FLAGS, 2);
    if (vmx_primary.may & PRIMARY_TPR_SHADOW)
        vmwrite64(VMCS_VIRTUAL_APIC, virt_to_phys(vmx_apic(vmx)));
    if (sizeof(word) == 8) {
        host_msrs_fill(vmx->msr);
        for (unsigned i = 0; i < VMX_MSRS; i++)
            vmx->msr[i].value = 0;
        vmwrite64(VMCS_ENTRY_LOAD, virt_to_phys(vmx->msr));
        vmwrite(VMCS_ENTRY_LOAD_COUNT, VMX_MSRS);
        vmwrite64(VMCS_EXIT_STORE, virt_to_phys(vmx->msr));
        vmwrite(VMCS_EXIT_STORE_COUNT, VMX_MSR_KERNEL_GS + 1);
        vmwrite64(VMCS_EXIT_LOAD, virt_to_phys(cpu->vcpu_host));
        vmwrite(VMCS_EXIT_LOAD_COUNT, VMX_MSRS);
    }
}
