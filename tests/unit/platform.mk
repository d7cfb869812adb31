# SPDX-License-Identifier: GPL-2.0-only
#
# The platform as a program, for tests and fuzzers; ports/hosted/rules.mk includes this. All of platform is built, with a machine made of functions instead of
# ports and registers.
#
#   make ARCH=hosted fuzz SECONDS=60     runs each fuzzer for that long (needs clang)

PLATFORM_SOURCES := $(call find,platform/*.c) core/lib/log.c core/lib/bits.c
PLATFORM_TESTS   := tests/unit/main.c $(call find,tests/unit/platform_*.c)
PLATFORM_MACHINE := tests/unit/platform_machine.c
PLATFORM_LOG     := -Dconsole_write=test_console_write
PLATFORM_OBJECTS := $(patsubst %.c,$(OUT)/platform/%.o,$(PLATFORM_SOURCES) $(PLATFORM_TESTS))
FUZZERS          := $(patsubst tests/fuzz/%.c,%,$(call find,tests/fuzz/*.c))
FUZZ_FLAGS       := -std=gnu11 -g -O1 $(WARN) -I$(TOP) -I$(TOP)/include -I$(TOP)/tests/unit -DNOVA_CPUS=$(CPUS) -DDEBUG \
                    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
SECONDS ?= 60

TEST_PROGRAMS += $(OUT)/test/platform

# The tests know how much room 64 CPUs leave; the fuzzers run with any number: make ARCH=hosted CPUS=256 fuzz.
$(OUT)/platform/platform/%.o $(OUT)/platform/tests/%.o: private CFLAGS := $(filter-out -DNOVA_CPUS=%,$(CFLAGS)) -DNOVA_CPUS=64 \
    -include $(TOP)/tests/unit/platform_io.h -I$(TOP)/tests/unit
$(OUT)/platform/core/lib/log.o: private CFLAGS += $(PLATFORM_LOG)

$(OUT)/platform/%.o: %.c $(FLAGS) $(TOP)/tests/unit/platform.mk
	$(call say,CC,$*.c)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/test/platform: $(PLATFORM_OBJECTS)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SANITIZE) -o $@ $(PLATFORM_OBJECTS)

# A fuzzer is compiled in one go: platform, machine and its target.
$(OUT)/fuzz/%: tests/fuzz/%.c $(PLATFORM_SOURCES) $(PLATFORM_MACHINE) $(TOP)/tests/fuzz/fuzz.h $(wildcard $(TOP)/platform/*.h $(TOP)/hal/*.h $(TOP)/tests/unit/platform_*.h)
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)clang $(FUZZ_FLAGS) $(PLATFORM_LOG) -c -o $@-log.o $(TOP)/core/lib/log.c
	$(Q)clang $(FUZZ_FLAGS) -include $(TOP)/tests/unit/platform_io.h -o $@ $< \
	    $(addprefix $(TOP)/,$(filter-out core/lib/log.c,$(PLATFORM_SOURCES)) $(PLATFORM_MACHINE)) $@-log.o

.PHONY: fuzz
fuzz: $(addprefix $(OUT)/fuzz/,$(FUZZERS))
	@for fuzzer in $(FUZZERS); do \
	    mkdir -p $(OUT)/fuzz/corpus/$$fuzzer; echo "fuzzing $$fuzzer for $(SECONDS) s"; \
	    $(OUT)/fuzz/$$fuzzer -max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=1024 -max_len=4096 -print_final_stats=1 \
	        -artifact_prefix=$(OUT)/fuzz/$$fuzzer- $(OUT)/fuzz/corpus/$$fuzzer 2>$(OUT)/fuzz/$$fuzzer.log \
	        || { tail -40 $(OUT)/fuzz/$$fuzzer.log; exit 1; }; \
	    grep -E 'number_of_executed_units|DONE' $(OUT)/fuzz/$$fuzzer.log | tail -2; \
	done

-include $(PLATFORM_OBJECTS:.o=.d)
