# SPDX-License-Identifier: GPL-2.0-only
#
# The schedule explorer; ports/hosted/rules.mk includes this.
#
#   make ARCH=hosted explore                      SCHEDULES=n of each scenario, with a core that gives way at atomic operations and in basic blocks
#   OUT-interleave/test/explorer --scenario NAME --seed n --trace    one of them again

EXPLORER_OBJECTS := $(patsubst %.c,$(OUT)/obj/%.o,$(call find,tests/explorer/*.c))
SCHEDULES ?= 100
TEST_PROGRAMS += $(OUT)/test/explorer

$(OUT)/test/explorer: $(EXPLORER_OBJECTS) $(OUT)/libkernel.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SANITIZE) -o $@ $(EXPLORER_OBJECTS) $(LINK_CORE)

-include $(EXPLORER_OBJECTS:.o=.d)

.PHONY: explore
explore:
	$(Q)$(MAKE) --no-print-directory -f $(firstword $(MAKEFILE_LIST)) ARCH=hosted CC=$(CC) OUT=$(OUT)-interleave CPUS=$(CPUS) V=$(V) \
	    INTERLEAVE='$(INTERLEAVED)' $(OUT)-interleave/test/explorer
	$(OUT)-interleave/test/explorer --schedules $(SCHEDULES) --first $(SEED)
