# SPDX-License-Identifier: GPL-2.0-only
"""The one table of machines: what tools/run can start and the tests run on, and what each offers.

A machine is an emulator, a chipset and a CPU model. `has` names what a test can ask for:
    svm npt nrip           AMD virtualization, nested paging, next-instruction pointer and the other extensions of SVM
    vmx ept unrestricted   Intel virtualization, extended page tables, real-mode guests
    x2apic deadline pcid   newer local APIC mode, TSC-deadline timer, process-context tags
    iommu-intel iommu-amd  DMA and interrupt remapping
"""
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Machine:
    name: str
    emulator: str                 # qemu or bochs
    cpu: str                      # -cpu of QEMU, cpu: model= of Bochs
    has: frozenset
    chipset: str = "pc"           # -machine of QEMU; Bochs knows one only
    devices: tuple = field(default=())   # more arguments for QEMU


def _qemu(name, chipset, cpu, has="", *devices):
    return Machine(name, "qemu", cpu, frozenset(has.split()), chipset, devices)


def _bochs(model, has=""):
    return Machine("bochs-" + model, "bochs", model, frozenset(has.split()))


_INTEL = "vmx ept unrestricted"
_INTEL_NEW = _INTEL + " x2apic deadline pcid"
_AMD = "svm npt nrip"

TABLE = [
    # QEMU 7.2 TCG: 16 ASIDs, no next-instruction pointer, no x2APIC, no TSC deadline, no VMX.
    _qemu("pc", "pc", "EPYC", "svm npt"),
    _qemu("q35", "q35", "EPYC", "svm npt"),
    _qemu("pc-max", "pc", "max", "svm npt"),
    _qemu("pc-qemu64", "pc", "qemu64", "svm"),
    _qemu("pc-opteron", "pc", "Opteron_G3", "svm"),
    _qemu("pc-nehalem", "pc", "Nehalem"),
    _qemu("q35-intel-iommu", "q35,kernel-irqchip=off", "EPYC", "svm npt iommu-intel", "-device", "intel-iommu,intremap=on"),
    _qemu("q35-amd-iommu", "q35,kernel-irqchip=off", "EPYC", "svm npt iommu-amd", "-device", "amd-iommu,intremap=on"),
    # Bochs 2.7, Intel. The BIOS sets FEATURE_CONTROL.
    _bochs("core2_penryn_t9600", "vmx"),
    _bochs("corei5_lynnfield_750", "vmx ept"),
    _bochs("corei5_arrandale_m520", _INTEL),
    _bochs("corei7_sandy_bridge_2600k", _INTEL),
    _bochs("corei7_haswell_4770", _INTEL_NEW),
    _bochs("corei7_skylake_x", _INTEL_NEW),
    _bochs("corei7_icelake_u", _INTEL_NEW),
    _bochs("tigerlake", _INTEL_NEW),
    # Bochs 2.7, AMD.
    _bochs("athlon64_venice"),
    _bochs("turion64_tyler", "svm"),
    _bochs("phenom_8650_toliman", _AMD),
    _bochs("zambezi", _AMD),
    _bochs("trinity_apu", _AMD),
    _bochs("ryzen", _AMD),
]

MACHINES = {machine.name: machine for machine in TABLE}
# What one calls them in a hurry.
ALIASES = {"haswell": "bochs-corei7_haswell_4770", "arrandale": "bochs-corei5_arrandale_m520", "lynnfield": "bochs-corei5_lynnfield_750", "penryn": "bochs-core2_penryn_t9600",
           "ryzen": "bochs-ryzen", "phenom": "bochs-phenom_8650_toliman", "turion": "bochs-turion64_tyler", "bochs": "bochs-corei7_haswell_4770"}


def machine(name):
    found = MACHINES.get(ALIASES.get(name, name))
    if not found:
        raise SystemExit(f"no machine is called '{name}'; there are: {' '.join(MACHINES)} and short names {' '.join(ALIASES)}")
    return found
