# SPDX-License-Identifier: GPL-2.0-only
#
# Guests of user/vmm, the same for both kinds of host: build/out/ARCH/user/guests/NAME. BITS: mode that the C code is compiled for; FORMAT: flat image, ELF file, or
# multiboot, an ELF file with a Multiboot 1 header; kludge, an image that only its Multiboot header describes; PAGING: what the start code switches on.

GUESTS := real flat steps
REPORT := report traps
COMMON := exceptions step interrupts ports processor
real_BITS := 16
real_FORMAT := flat
real_PARTS := real stubs16 $(REPORT) $(COMMON)
flat_BITS := 32
flat_FORMAT := elf
flat_PARTS := flat stubs32 descriptors $(REPORT) $(COMMON)

steps_BITS := 32
steps_FORMAT := elf
steps_PARTS := steps step stubs32 descriptors $(REPORT)

GUEST_FLAGS := $(filter-out -m64 -m32 -march=% -mno-red-zone -O2,$(CFLAGS)) -Os -march=i686 -fno-tree-loop-distribute-patterns -fno-builtin
GUEST_FLAGS_16 := -m16
GUEST_FLAGS_32 := -m32
GUEST_FLAGS_64 := -m64 -mno-red-zone -march=x86-64
GUEST_LINK_16 := -m elf_i386 -T $(TOP)/user/guests/real.ld
GUEST_LINK_32 := -m elf_i386 -T $(TOP)/user/guests/flat.ld
GUEST_LINK_64 := -m elf_x86_64 -T $(TOP)/user/guests/flat.ld

all: $(addprefix $(OUT)/guests/,$(GUESTS))

define GUEST
$(OUT)/obj/guests/$(1)/%.o: user/guests/%.c $(OUT)/obj/flags
	$$(call say,CC,guests/$(1)/$$*.c)
	@mkdir -p $$(@D)
	$$(Q)$(CC) $(GUEST_FLAGS) $(GUEST_FLAGS_$($(1)_BITS)) -DBITS=$($(1)_BITS) $($(1)_DEFINES) -MMD -MP -c -o $$@ $$<
$(OUT)/obj/guests/$(1)/%.o: user/guests/%.S $(OUT)/obj/flags
	$$(call say,AS,guests/$(1)/$$*.S)
	@mkdir -p $$(@D)
	$$(Q)$(CC) $(GUEST_FLAGS) $(if $(filter 64,$($(1)_BITS)),-m64,-m32) -DBITS=$($(1)_BITS) $($(1)_DEFINES) -MMD -MP -c -o $$@ $$<
$(OUT)/obj/guests/$(1)/image: $(addprefix $(OUT)/obj/guests/$(1)/,$(addsuffix .o,$($(1)_PARTS))) $(TOP)/user/guests/real.ld $(TOP)/user/guests/flat.ld
	$$(Q)$$(LD) $(GUEST_LINK_$($(1)_BITS)) -static -nostdlib --no-warn-rwx-segments --build-id=none -z max-page-size=4096 -z noexecstack -o $$@ $$(filter %.o,$$^)
$(OUT)/guests/$(1): $(OUT)/obj/guests/$(1)/image
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$(if $(filter flat kludge,$($(1)_FORMAT)),objcopy -O binary $$<,cp $$<) $$@
-include $(addprefix $(OUT)/obj/guests/$(1)/,$(addsuffix .d,$($(1)_PARTS)))
endef
$(foreach g,$(GUESTS),$(eval $(call GUEST,$(g))))
