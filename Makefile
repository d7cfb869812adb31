# SPDX-License-Identifier: GPL-2.0-only
#
# The commands of the project. `make` alone prints this list:
#
#   make run             boot the demo in QEMU, in this terminal; leave with Ctrl-A X
#   make test            everything that can be tested in about a quarter of an hour; T=name: only the cases whose name fits
#   make test-all        make test with the slow cases
#   make bench           what the kernel's paths cost, against tests/budgets; make bench-update accepts what was measured
#   make guest-table     doc/guests.md anew: which guest runs on which machine, from running all of them
#   make check           the walls between folders, formatting, static checks, builds with gcc and clang
#   make ARCH=x86_64     build kernel and user programs (x86_32: for 32-bit PCs; hosted: core as a library)
#   make iso             bootable image build/out/ARCH/nova.iso for BIOS and UEFI machines
#   make format          clang-format for all C files
#   make clean           remove build/out
#
# Variables of run and iso: ARCH=x86_64|x86_32, and for run MACHINE=pc (tools/run --list), SMP=2, APPEND='serial', RUN='more options of tools/run'.
# Variables of a build: CC=gcc|clang, CPUS=64, DEBUG=1, V=1 (make -C build tells more).
# What is missing of Debian's packages is named and installed by run, test and iso (tools/setup).

MACHINE ?= pc
SMP     ?= 2
APPEND  ?= serial
BUILD    = $(MAKE) --no-print-directory -C build
ARCH_OR  = $(or $(ARCH),x86_64)

.PHONY: help build run test test-all bench bench-update guest-table check format clean iso install
.DEFAULT_GOAL := $(if $(ARCH),build,help)

help:
	@sed -n '/^# .*prints this list:/,/^$$/s/^# \{0,3\}//p' Makefile | sed 1d

build:
	+@$(BUILD) $(if $(filter hosted,$(ARCH)),all,user)

run:
	@tools/setup run $(if $(findstring bochs,$(MACHINE)),test)
	+@$(BUILD) ARCH=$(ARCH_OR) user
	@tools/run --arch $(ARCH_OR) --machine '$(MACHINE)' --cpus $(SMP) --append '$(APPEND)' $(RUN)

iso:
	@tools/setup iso
	+@$(BUILD) ARCH=$(ARCH_OR) user
	@tools/iso --arch $(ARCH_OR) --append '$(APPEND)' -o build/out/$(ARCH_OR)/nova.iso

install:
	+@$(BUILD) ARCH=$(ARCH_OR) install INS_DIR='$(abspath $(INS_DIR))'

test:
	@tools/setup test
	@tests/run $(if $(T),'$(T)')

test-all:
	@tools/setup test
	@tests/run --slow $(if $(T),'$(T)')

bench:
	@tools/setup test
	@tests/bench

bench-update:
	@tools/setup test
	@tests/bench --update

# The comparison with the old table may be red here; what counts is the new one.
guest-table:
	@tools/setup test
	-@tests/run test_every_guest
	@tools/guest_table

check:
	@tools/setup test
	@tools/check

format:
	@tools/setup test
	@clang-format -i $$(find core hal platform ports include user tests -name '*.[ch]')

clean:
	@rm -rf build/out
