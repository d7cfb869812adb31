# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel against a model of capabilities; ports/hosted/rules.mk includes this.
#
#   OUT/test/model [SEED [STEPS]]                 random steps; make test does STEPS=100000 of them
#   OUT/test/model --fault                        each allocation fails once
#   OUT/test/model --parallel [SEED [STEPS]]      four CPUs at once, as coroutines
#   make ARCH=hosted model-threads SEED=n         four CPUs at once, as threads under the thread sanitizer (in OUT-threads)
#   make ARCH=hosted interleave SEED=n            --parallel with a core that gives way in random places (in OUT-interleave)

MODEL_OBJECTS := $(patsubst %.c,$(OUT)/obj/%.o,$(call find,tests/model/*.c))
STEPS ?= 100000
ROUNDS ?= 20000
THREAD_STEPS ?= 3000
MODEL_TESTS := "$(OUT)/test/model $(SEED) $(STEPS)" "$(OUT)/test/model --fault" "$(OUT)/test/model --parallel $(SEED) $(ROUNDS)"
TEST_PROGRAMS += $(OUT)/test/model

# What the model itself does is most of the time: optimised.
$(OUT)/obj/tests/model/%.o: private CFLAGS += -O2

$(OUT)/test/model: $(MODEL_OBJECTS) $(OUT)/libkernel.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SANITIZE) -o $@ $(MODEL_OBJECTS) $(LINK_CORE)

-include $(MODEL_OBJECTS:.o=.d)

# Only core is compiled to call back in every basic block and before every atomic operation.
INTERLEAVED := -fsanitize-coverage=trace-pc -include $(TOP)/ports/hosted/points.h
$(OUT)/obj/core/%.o: private CFLAGS += $(INTERLEAVE)

.PHONY: interleave model-threads
interleave:
	$(Q)$(MAKE) --no-print-directory -f $(firstword $(MAKEFILE_LIST)) ARCH=hosted CC=$(CC) OUT=$(OUT)-interleave CPUS=$(CPUS) V=$(V) \
	    INTERLEAVE='$(INTERLEAVED)' $(OUT)-interleave/test/model
	$(OUT)-interleave/test/model --parallel $(SEED) $(ROUNDS)

model-threads:
	$(Q)$(MAKE) --no-print-directory -f $(firstword $(MAKEFILE_LIST)) ARCH=hosted CC=$(CC) OUT=$(OUT)-threads CPUS=$(CPUS) V=$(V) \
	    SANITIZE='-fsanitize=thread $(if $(findstring clang,$(CC)),,-Wno-tsan)' $(OUT)-threads/test/model
	TSAN_OPTIONS="suppressions=$(TOP)/tests/unit/threads.supp history_size=7" $(OUT)-threads/test/model --threads $(SEED) $(THREAD_STEPS)
