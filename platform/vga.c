/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VGA text screen, 80 x 25 characters at 0xb8000 (IBM VGA, mode 3). It begins on a clean screen and scrolls at the last line. User space may write to it, too.
 */
#include "platform/console.h"

#include "hal/physical.h"
#include "platform/io.h"

enum { COLUMNS = 80, ROWS = 25, SCREEN = 0xb8000, COLOUR = 0x07, TAB = 8 };
/* CRT controller: index and data port, registers of the cursor position. */
enum { CRT_INDEX = 0x3d4, CRT_DATA = 0x3d5, CRT_CURSOR_HIGH = 0x0e, CRT_CURSOR_LOW = 0x0f };

static volatile uint16_t *screen;
static unsigned row, column;

static void clear(unsigned which)
{
    for (unsigned i = 0; i < COLUMNS; i++)
        screen[which * COLUMNS + i] = COLOUR << 8 | ' ';
}

bool vga_start(void)
{
    if (!screen)
        screen = physical_device(SCREEN, ROWS * COLUMNS * sizeof(uint16_t), MEMORY_UNCACHED);
    for (unsigned i = 0; screen && i < ROWS; i++)
        clear(i);
    row = column = 0;
    return screen;
}

static void line_feed(void)
{
    column = 0;
    if (row + 1 < ROWS) {
        row++;
        return;
    }
    for (unsigned i = 0; i < (ROWS - 1) * COLUMNS; i++)
        screen[i] = screen[i + COLUMNS];
    clear(ROWS - 1);
}

void vga_write(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            line_feed();
        } else if (text[i] == '\r') {
            column = 0;
        } else if (text[i] == '\t') {
            column = (column / TAB + 1) * TAB;
        } else {
            if (column >= COLUMNS)
                line_feed();
            screen[row * COLUMNS + column++] = (uint16_t)(COLOUR << 8 | (uint8_t)text[i]);
        }
    }
    unsigned cursor = row * COLUMNS + (column < COLUMNS ? column : COLUMNS - 1);
    io_write8(CRT_INDEX, CRT_CURSOR_HIGH);
    io_write8(CRT_DATA, (uint8_t)(cursor >> 8));
    io_write8(CRT_INDEX, CRT_CURSOR_LOW);
    io_write8(CRT_DATA, (uint8_t)cursor);
}

void vga_cell(unsigned at_row, unsigned at_column, char c, uint8_t colour)
{
    if (screen && at_row < ROWS && at_column < COLUMNS)
        screen[at_row * COLUMNS + at_column] = (uint16_t)(colour << 8 | (uint8_t)c);
}
