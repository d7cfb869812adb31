# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel against a model of capabilities; ports/hosted/rules.mk includes this.
#
#   OUT/test/model [SEED [STEPS]]     STEPS=n of make test, 100000 by default

MODEL_OBJECTS := $(patsubst %.c,$(OUT)/obj/%.o,$(call find,tests/model/*.c))
STEPS ?= 100000
MODEL_TESTS := "$(OUT)/test/model $(SEED) $(STEPS)"
TEST_PROGRAMS += $(OUT)/test/model

# What the model itself does is most of the time: optimised.
$(OUT)/obj/tests/model/%.o: private CFLAGS += -O2

$(OUT)/test/model: $(MODEL_OBJECTS) $(OUT)/libkernel.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SANITIZE) -o $@ $(MODEL_OBJECTS) $(OUT)/libkernel.a -lpthread

-include $(MODEL_OBJECTS:.o=.d)
