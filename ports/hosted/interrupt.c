/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A simulated interrupt controller: GSIs 0 to HOSTED_PINS-1 have pins, the first 16 of them edge triggered, all masked at first.
 */
#include "hosted.h"

#include <nova/hypercall.h>

static struct gsi_state gsis[HOSTED_GSIS];
static bool gsis_ready;

struct gsi_state *gsi_state(unsigned gsi)
{
    if (gsi >= HOSTED_GSIS)
        contract_broken("GSI %u, but gsi_count() is %u", gsi, HOSTED_GSIS);
    if (!gsis_ready)
        for (unsigned i = 0; i < HOSTED_GSIS; i++)
            gsis[i] = (struct gsi_state){.masked = i < HOSTED_PINS, .level = i >= 16 && i < HOSTED_PINS};
    gsis_ready = true;
    return &gsis[gsi];
}

unsigned gsi_count(void) { return HOSTED_GSIS; }

bool gsi_has_pin(unsigned gsi)
{
    gsi_state(gsi);
    return gsi < HOSTED_PINS;
}

void gsi_route(unsigned gsi, unsigned cpu, int mode, uint32_t *msi_address, uint32_t *msi_data)
{
    struct gsi_state *state = gsi_state(gsi);
    machine_point();
    if (cpu >= boot_info.cpus || !boot_info.cpu[cpu].online)
        contract_broken("gsi_route: GSI %u to CPU %u, which is not online", gsi, cpu);
    if (mode < -1 || mode > 3)
        contract_broken("gsi_route: mode %d", mode);
    state->cpu = cpu;
    state->routed = true;
    state->masked = false;
    if (gsi < HOSTED_PINS && mode >= 0) {
        state->mode = mode;
        state->level = mode & NOVA_GSI_LEVEL;
    }
    *msi_address = gsi < HOSTED_PINS ? 0 : 0xfee00000u | cpu << 12;
    *msi_data = gsi < HOSTED_PINS ? 0 : 0x40 + gsi;
}

void gsi_mask(unsigned gsi, bool masked)
{
    machine_point();
    if (gsi_has_pin(gsi))
        gsi_state(gsi)->masked = masked;
}

bool gsi_is_level(unsigned gsi) { return gsi_state(gsi)->level; }
