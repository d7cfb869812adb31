# SPDX-License-Identifier: GPL-2.0-only
#
# Guests of user/vmm, the same for both kinds of host: build/out/ARCH/user/guests/NAME. BITS: mode that the C code is compiled for; FORMAT: flat image, ELF file, or
# multiboot, an ELF file with a Multiboot 1 header; kludge, an image that only its Multiboot header describes; PAGING: what the start code switches on.

GUESTS := real flat steps breakpoints task task_paging nested nested_long two_level pae long pair_two_level pair_pae pair_long
REPORT := report traps
COMMON := exceptions step interrupts ports processor
real_BITS := 16
real_FORMAT := flat
real_PARTS := real stubs16 $(REPORT) $(COMMON)
flat_BITS := 32
flat_FORMAT := elf
flat_PARTS := flat stubs32 descriptors $(REPORT) $(COMMON) fpu user

steps_BITS := 32
steps_FORMAT := elf
steps_PARTS := steps step stubs32 descriptors $(REPORT)
two_level_BITS := 32
two_level_FORMAT := multiboot
two_level_DEFINES := -DMULTIBOOT
two_level_PARTS := all stubs32 descriptors $(REPORT) $(COMMON) fpu user paging pages
pae_BITS := 32
pae_FORMAT := multiboot
pae_DEFINES := -DMULTIBOOT -DPAE
pae_PARTS := $(two_level_PARTS)
long_BITS := 64
long_FORMAT := kludge
long_PARTS := all stubs64 descriptors $(REPORT) $(COMMON) fpu user paging pages
breakpoints_BITS := 32
breakpoints_FORMAT := elf
breakpoints_PARTS := breakpoints step stubs32 descriptors $(REPORT)
task_BITS := 32
task_FORMAT := elf
task_PARTS := tasks task stubs32 descriptors $(REPORT)
task_paging_BITS := 32
task_paging_FORMAT := multiboot
task_paging_DEFINES := -DMULTIBOOT -DPAGES
task_paging_PARTS := $(task_PARTS) paging
nested_BITS := 32
nested_FORMAT := multiboot
nested_DEFINES := -DMULTIBOOT
nested_PARTS := nested stubs32 descriptors $(REPORT) paging pages
nested_long_BITS := 64
nested_long_FORMAT := kludge
nested_long_PARTS := nested stubs64 descriptors $(REPORT) paging pages
PAIR := pair two descriptors $(REPORT) paging
pair_two_level_BITS := 32
pair_two_level_FORMAT := multiboot
pair_two_level_DEFINES := -DMULTIBOOT
pair_two_level_PARTS := $(PAIR) stubs32
pair_pae_BITS := 32
pair_pae_FORMAT := multiboot
pair_pae_DEFINES := -DMULTIBOOT -DPAE
pair_pae_PARTS := $(PAIR) stubs32
pair_long_BITS := 64
pair_long_FORMAT := kludge
pair_long_PARTS := $(PAIR) stubs64

GUEST_FLAGS := $(filter-out -m64 -m32 -march=% -mno-red-zone -O2,$(CFLAGS)) -Os -march=i686 -fno-builtin $(if $(findstring clang,$(CC)),,-fno-tree-loop-distribute-patterns)
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
	$$(Q)$(CC) $(GUEST_FLAGS) $(if $(filter 64,$($(1)_BITS)),-m64 -march=x86-64,-m32) -DBITS=$($(1)_BITS) $($(1)_DEFINES) -MMD -MP -c -o $$@ $$<
$(OUT)/obj/guests/$(1)/image: $(addprefix $(OUT)/obj/guests/$(1)/,$(addsuffix .o,$($(1)_PARTS))) $(TOP)/user/guests/real.ld $(TOP)/user/guests/flat.ld
	$$(Q)$$(LD) $(GUEST_LINK_$($(1)_BITS)) -static -nostdlib --no-warn-rwx-segments --build-id=none -z max-page-size=4096 -z noexecstack -o $$@ $$(filter %.o,$$^)
$(OUT)/guests/$(1): $(OUT)/obj/guests/$(1)/image
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$(if $(filter flat kludge,$($(1)_FORMAT)),objcopy -O binary $$<,cp $$<) $$@
-include $(addprefix $(OUT)/obj/guests/$(1)/,$(addsuffix .d,$($(1)_PARTS)))
endef
$(foreach g,$(GUESTS),$(eval $(call GUEST,$(g))))
