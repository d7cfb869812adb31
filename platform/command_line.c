/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Words separated by spaces. A loader that puts the kernel's file name first (GRUB legacy, QEMU, PXE) is understood: a first word that is unknown and looks like a
 * path is skipped. The line is walked twice, first for the options, then for the complaints.
 */
#include "platform/command_line.h"

#include "core/lib/bits.h"
#include "core/lib/log.h"
#include "core/lib/string.h"

static const struct {
    const char *name;
    size_t offset;
} words[] = {
    {"iommu_intel", offsetof(struct boot_options, iommu_intel)},
    {"iommu_amd", offsetof(struct boot_options, iommu_amd)},
    {"keyb", offsetof(struct boot_options, keyb)},
    {"serial", offsetof(struct boot_options, serial)},
    {"spinner", offsetof(struct boot_options, spinner)},
    {"logmem", offsetof(struct boot_options, logmem)},
    {"vtlb", offsetof(struct boot_options, vtlb)},
    {"nopcid", offsetof(struct boot_options, nopcid)},
    {"novpid", offsetof(struct boot_options, novpid)},
    {"vga", offsetof(struct boot_options, vga)},
    {"nodl", offsetof(struct boot_options, nodl)},
    {"fpu_lazy", offsetof(struct boot_options, fpu_lazy)},
    {"hlt", offsetof(struct boot_options, hlt)},
};

enum { SHOWN = 65, COMPLAINTS = 16 };
enum word_use { WORD_GOOD, WORD_UNKNOWN, WORD_BAD_SIZE };

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* SIZE[K|M|G], decimal; 0 if it is none or needs more than 64 bit. */
static uint64_t parse_size(const char *text, size_t length)
{
    uint64_t value = 0;
    size_t i = 0;
    for (; i < length && text[i] >= '0' && text[i] <= '9'; i++) {
        if (value > (UINT64_MAX - 9) >> 4)
            return 0;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    unsigned shift = 0;
    if (i && i + 1 == length) {
        char unit = text[i++] & ~0x20;
        shift = unit == 'K' ? 10 : unit == 'M' ? 20 : unit == 'G' ? 30 : 0;
        if (!shift)
            return 0;
    }
    return i == length && value << shift >> shift == value ? value << shift : 0;
}

static enum word_use word_apply(const char *text, size_t length, struct boot_options *options)
{
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strlen(words[i].name) == length && !memcmp(words[i].name, text, length)) {
            *(bool *)((char *)options + words[i].offset) = true;
            return WORD_GOOD;
        }
    if (length >= 5 && !memcmp(text, "kmem=", 5)) {
        uint64_t size = parse_size(text + 5, length - 5);
        if (!size)
            return WORD_BAD_SIZE;
        options->kmem = size;
        return WORD_GOOD;
    }
    return WORD_UNKNOWN;
}

static bool is_path(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] == '/' || text[i] == '.')
            return true;
    return length >= 10 && !memcmp(text, "hypervisor", 10);
}

/* A word as the log may show it: cut, and without control characters that would act on somebody's terminal. */
static void word_show(char *shown, const char *text, size_t length)
{
    size_t i = 0;
    for (; i < length && i < SHOWN - 1; i++)
        shown[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    shown[i] = 0;
}

static void walk(const char *line, struct boot_options *options, bool report)
{
    unsigned complaints = 0;
    bool first = true;
    while (*line) {
        if (is_space(*line)) {
            line++;
            continue;
        }
        size_t length = 0;
        while (line[length] && !is_space(line[length]))
            length++;
        enum word_use use = word_apply(line, length, options);
        if (report && use != WORD_GOOD && !(first && is_path(line, length))) {
            char shown[SHOWN];
            word_show(shown, line, length);
            complaints++;
            if (complaints <= COMPLAINTS && use == WORD_BAD_SIZE)
                log_line("command line: '%s' is not kmem=SIZE with a number and K, M or G; ignored", shown);
            else if (complaints <= COMPLAINTS)
                log_line("command line: unknown word '%s' ignored", shown);
        }
        line += length;
        first = false;
    }
    if (complaints > COMPLAINTS)
        log_line("command line: %u more unknown words", complaints - COMPLAINTS);
}

void command_line_parse(const char *line, struct boot_options *options) { walk(line, options, false); }

void command_line_report(const char *line)
{
    struct boot_options ignored = {0};
    walk(line, &ignored, true);
}
