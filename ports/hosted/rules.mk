# SPDX-License-Identifier: GPL-2.0-only
#
# Programs on top of the hosted port; build/Makefile includes this for ARCH=hosted:
#
#   make ARCH=hosted            libkernel.a, test/unit and test/random
#   make ARCH=hosted test       runs both, ends with the line "N passed, N failed"
#   make ARCH=hosted explore    many schedules of each scenario of tests/explorer (in OUT-interleave)
#   make ARCH=hosted threads    the random test with a thread per CPU under the thread sanitizer (in OUT-threads)
#
#   TESTS=WORD       only unit tests whose name contains WORD      SEED=n CALLS=n   of the random test

UNIT_SOURCES   := $(filter-out tests/unit/platform_%.c tests/unit/random%.c,$(call find,tests/unit/*.c))
RANDOM_SOURCES := $(call find,tests/unit/random*.c)
UNIT_OBJECTS   := $(patsubst %.c,$(OUT)/obj/%.o,$(UNIT_SOURCES))
RANDOM_OBJECTS := $(patsubst %.c,$(OUT)/obj/%.o,$(RANDOM_SOURCES))
TEST_PROGRAMS  := $(if $(UNIT_OBJECTS),$(OUT)/test/unit) $(if $(RANDOM_OBJECTS),$(OUT)/test/random)
SEED  ?= 1
CALLS ?= 200000
THREAD_CALLS ?= 10000
TESTS ?=

-include $(TOP)/tests/unit/platform.mk
-include $(TOP)/tests/port/port.mk
-include $(TOP)/tests/model/rules.mk
-include $(TOP)/tests/explorer/rules.mk

# core's memcpy and friends get other names, so that the process keeps the C library's. Tests see both.
$(OUT)/obj/core/%.o: private CFLAGS += -include $(TOP)/ports/hosted/rename.h

# Freed kernel memory is poisoned (poison.c).
WRAPPED := slab_take slab_give page_alloc page_alloc_zero page_free
LINK_CORE = $(OUT)/libkernel.a $(patsubst %,-Wl$(comma)--wrap=%,$(WRAPPED)) -lpthread
comma := ,
$(OUT)/obj/core/slab.o $(OUT)/obj/core/page_alloc.o: private CFLAGS += -fno-sanitize=address
$(OUT)/obj/core/slab.o $(OUT)/obj/core/page_alloc.o: $(TOP)/ports/hosted/rules.mk

.PHONY: test threads
all: $(TEST_PROGRAMS)

$(OUT)/test/unit: $(UNIT_OBJECTS) $(OUT)/libkernel.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SANITIZE) -o $@ $(UNIT_OBJECTS) $(LINK_CORE)

$(OUT)/test/random: $(RANDOM_OBJECTS) $(OUT)/libkernel.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SANITIZE) -o $@ $(RANDOM_OBJECTS) $(LINK_CORE)

test: $(TEST_PROGRAMS)
	@passed=0; failed=0; \
	for program in "$(OUT)/test/unit $(TESTS)" $(if $(TESTS),,"$(OUT)/test/platform" "$(OUT)/test/random --calls $(CALLS) --seed $(SEED)" $(PORT_TESTS) $(MODEL_TESTS)); do \
	    test -x $${program%% *} || continue; \
	    $$program >$(OUT)/test/output 2>&1; status=$$?; cat $(OUT)/test/output; \
	    p=$$(grep -c '^ok ' $(OUT)/test/output); f=$$(grep -c '^not ok ' $(OUT)/test/output); \
	    test $$status -eq 0 -o $$f -gt 0 || { f=1; echo "not ok $$program: exit status $$status"; }; \
	    passed=$$((passed + p)); failed=$$((failed + f)); \
	done; \
	echo "$$passed passed, $$failed failed"; test $$failed -eq 0 -a $$passed -gt 0

threads:
	$(Q)$(MAKE) --no-print-directory -f $(firstword $(MAKEFILE_LIST)) ARCH=hosted CC=$(CC) OUT=$(OUT)-threads CPUS=$(CPUS) V=$(V) \
	    SANITIZE='-fsanitize=thread $(if $(findstring clang,$(CC)),,-Wno-tsan)' $(OUT)-threads/test/random
	TSAN_OPTIONS="suppressions=$(TOP)/tests/unit/threads.supp history_size=7" $(OUT)-threads/test/random --threads --calls $(THREAD_CALLS) --seed $(SEED)

-include $(UNIT_OBJECTS:.o=.d) $(RANDOM_OBJECTS:.o=.d)
