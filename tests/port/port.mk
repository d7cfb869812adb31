# SPDX-License-Identifier: GPL-2.0-only
#
# Files of ports/x86 as programs: tests/port/NAME.c with what only a kernel may do replaced (fake.h), for both word sizes.
# ports/hosted/rules.mk includes this.

PORT_FLAGS := -std=gnu11 -g -O1 $(WARN) -I$(TOP) -I$(TOP)/include -DNOVA_CPUS=$(CPUS) -DDEBUG -include $(TOP)/tests/port/fake.h
PORT_TESTS := $(foreach bits,64 32,$(OUT)/test/mmu$(bits) $(OUT)/test/fpu$(bits) $(OUT)/test/vtlb$(bits) $(OUT)/test/svm_vtlb$(bits))
TEST_PROGRAMS += $(PORT_TESTS)

PORT_HEADERS := $(addprefix $(TOP)/,$(call find,tests/port/*.h tests/dice.h ports/x86/*.h hal/*.h core/lib/*.h))

# mmu*.c are linked, fpu.c is included by its test.
MMU_FILES := $(addprefix $(TOP)/ports/x86/,mmu.c mmu_need.c mmu_find.c mmu_space.c)
MMU_TEST := $(addprefix tests/port/,mmu.c mmu_hardware.c mmu_spaces.c)
$(OUT)/test/mmu%: $(MMU_TEST) $(MMU_FILES) $(PORT_HEADERS) $(FLAGS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -m$* $(PORT_FLAGS) $(SANITIZE) -I$(TOP)/ports/x86_$* -o $@ $(addprefix $(TOP)/,$(MMU_TEST)) $(MMU_FILES)

$(OUT)/test/fpu%: tests/port/fpu.c ports/x86/fpu.c $(PORT_HEADERS) $(FLAGS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -m$* $(PORT_FLAGS) -mgeneral-regs-only -I$(TOP)/ports/x86_$* -o $@ $(TOP)/tests/port/fpu.c

# The vTLB touches no register: nothing to replace.
VTLB_FILES := $(addprefix $(TOP)/ports/x86/,vtlb.c vtlb_walk.c vtlb_control.c)
VTLB_TEST := $(addprefix tests/port/,vtlb.c vtlb_model.c)
$(OUT)/test/vtlb%: $(VTLB_TEST) $(VTLB_FILES) $(PORT_HEADERS) $(FLAGS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -m$* $(filter-out -include %/fake.h,$(PORT_FLAGS)) $(SANITIZE) -I$(TOP)/ports/x86_$* -o $@ $(addprefix $(TOP)/,$(VTLB_TEST)) $(VTLB_FILES)

# The file is included by its test, which is all around it.
$(OUT)/test/svm_vtlb%: tests/port/svm_vtlb.c $(addprefix $(TOP)/ports/x86/,svm_vtlb.c instruction.c) $(PORT_HEADERS) $(FLAGS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -m$* $(filter-out -include %/fake.h,$(PORT_FLAGS)) $(SANITIZE) -I$(TOP)/ports/x86_$* -o $@ $(TOP)/tests/port/svm_vtlb.c $(TOP)/ports/x86/instruction.c
