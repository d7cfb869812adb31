/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Machine checks: what the banks say, whether the interrupted code can go on (Intel SDM vol. 3, 15.10.4.1; AMD APM vol. 2, 9.3), and the message. A kernel
 * that was interrupted may hold the log's lock, so the line about an error that was survived waits for the next interrupt.
 */
#include "ports/x86/machine_check.h"

#include "core/lib/log.h"
#include "ports/x86/msr.h"

enum { MSR_MCG_CAP = 0x179, MSR_MCG_STATUS = 0x17a, MSR_MC0_STATUS = 0x401, BANK_STEP = 4 };
enum { MCG_RESTART_IP_VALID = 1, MCG_IN_PROGRESS = 4 };
#define BANK_VALID ((uint64_t)1 << 63)
#define BANK_OVERFLOW ((uint64_t)1 << 62)
#define BANK_UNCORRECTED ((uint64_t)1 << 61)
#define BANK_CONTEXT_CORRUPT ((uint64_t)1 << 57)

void machine_check_report(struct x86_cpu *cpu)
{
    uint32_t count = cpu->machine_checks;
    cpu->machine_checks = 0;
    log_line("hardware: %u machine check(s) survived, last bank status %llx; look at memory and cooling of this machine", count,
             (unsigned long long)cpu->machine_check_status);
}

void machine_check(struct x86_cpu *cpu, bool user)
{
    uint64_t status = rdmsr(MSR_MCG_STATUS);
    bool lost = !(status & MCG_RESTART_IP_VALID);
    unsigned banks = rdmsr(MSR_MCG_CAP) & 0xff;
    for (unsigned bank = 0; bank < banks; bank++) {
        uint64_t error;
        if (!rdmsr_safe(MSR_MC0_STATUS + bank * BANK_STEP, &error) || !(error & BANK_VALID))
            continue;
        cpu->machine_check_status = error;
        /* An uncorrected error that did not spoil the context still has spoilt data that someone is going to read. */
        lost |= (error & (BANK_CONTEXT_CORRUPT | BANK_OVERFLOW | BANK_UNCORRECTED)) != 0;
        if (lost)
            break;
        wrmsr_safe(MSR_MC0_STATUS + bank * BANK_STEP, 0);
    }
    if (lost)
        fatal("hardware: machine check that cannot be survived, status %llx, bank status %llx; look at memory and cooling of this "
              "machine",
              (unsigned long long)status, (unsigned long long)cpu->machine_check_status);
    cpu->machine_checks++;
    wrmsr(MSR_MCG_STATUS, 0);
    if (user)
        machine_check_report(cpu);
}
