/* SPDX-License-Identifier: MIT */
/*
 * The console. The COM port's base comes from the BIOS data area (word at 0x400), as the kernel's does; where there is none,
 * 0x3f8 is tried. A UART counts as present when its scratch register holds a value. The lock is a semaphore, so a waiting thread
 * gives its CPU to the one that prints. Only nova_console_init and the holder of the lock touch the state below.
 */
#include <user/lib/console.h>
#include <user/lib/memory.h>
#include <user/lib/task.h>
#include <user/lib/x86.h>

/* 16550 registers (TI PC16550D data sheet, section 8) */
enum { UART_DATA = 0, UART_IER = 1, UART_FCR = 2, UART_LCR = 3, UART_MCR = 4, UART_LSR = 5, UART_SCRATCH = 7, UART_PORTS = 8 };
enum { LSR_THR_EMPTY = 0x20, LSR_IDLE = 0x40, LCR_8N1 = 3, LCR_DIVISOR = 0x80, MCR_DTR_RTS = 3, FCR_ENABLE = 1 };
enum { BDA_COM1 = 0x400, COM1_DEFAULT = 0x3f8, UART_PATIENCE = 1000000 };
enum { VGA_TEXT = 0xb8000, VGA_COLUMNS = 80, VGA_ROWS = 25, VGA_GREY = 0x0700, VGA_BYTES = VGA_COLUMNS * VGA_ROWS * 2 };

static uint16_t com_port;
static volatile uint16_t *vga;
static unsigned vga_row, vga_column;
static nova_word lock;

static void com_wait(uint8_t bits)
{
    /* a port that never becomes ready must not hang the program */
    for (unsigned i = 0; i < UART_PATIENCE && !(nova_inb(com_port + UART_LSR) & bits); i++)
        nova_pause();
}

static int com_init(void)
{
    const uint16_t *bda = nova_map_physical(BDA_COM1, sizeof(*bda), NOVA_MEM_R);

    com_port = bda && *bda ? *bda : COM1_DEFAULT;
    if (nova_take_ports(com_port, UART_PORTS))
        return 0;
    for (unsigned i = 0; i < 2; i++) {
        uint8_t value = i ? 0xa5 : 0x5a;
        nova_outb(com_port + UART_SCRATCH, value);
        if (nova_inb(com_port + UART_SCRATCH) != value)
            return 0;
    }
    com_wait(LSR_IDLE); /* what the kernel has sent goes out before the settings change */
    nova_outb(com_port + UART_IER, 0);
    nova_outb(com_port + UART_LCR, LCR_8N1 | LCR_DIVISOR);
    nova_outb(com_port + UART_DATA, 1); /* 115200 baud */
    nova_outb(com_port + UART_IER, 0);
    nova_outb(com_port + UART_LCR, LCR_8N1);
    nova_outb(com_port + UART_FCR, FCR_ENABLE);
    nova_outb(com_port + UART_MCR, MCR_DTR_RTS);
    return 1;
}

static void vga_put(char c)
{
    if (c == '\n' || vga_column == VGA_COLUMNS) {
        vga_column = 0;
        vga_row++;
    }
    if (vga_row == VGA_ROWS) {
        for (unsigned i = 0; i < VGA_COLUMNS * VGA_ROWS; i++)
            vga[i] = i < VGA_COLUMNS * (VGA_ROWS - 1) ? vga[i + VGA_COLUMNS] : (uint16_t)(VGA_GREY | ' ');
        vga_row--;
    }
    if (c != '\n')
        vga[vga_row * VGA_COLUMNS + vga_column++] = VGA_GREY | (uint8_t)c;
}

static void console_put(void *context, char c)
{
    (void)context;
    if (com_port) {
        if (c == '\n')
            console_put(NULL, '\r');
        com_wait(LSR_THR_EMPTY);
        nova_outb(com_port + UART_DATA, (uint8_t)c);
    } else if (vga) {
        vga_put(c);
    }
}

enum nova_console_kind nova_console_init(void)
{
    lock = nova_selectors(1, 1);
    nova_create_sm(lock, nova_pd, 1);
    if (com_init())
        return NOVA_CONSOLE_COM;
    com_port = 0;
    vga = nova_map_physical(VGA_TEXT, VGA_BYTES, NOVA_MEM_RW);
    return vga ? NOVA_CONSOLE_VGA : NOVA_CONSOLE_NONE;
}

uint16_t nova_console_port(void) { return com_port; }

void nova_printf(const char *format, ...)
{
    va_list args;

    nova_sm_down(lock, 0, 0);
    va_start(args, format);
    nova_vformat(console_put, NULL, format, args);
    va_end(args);
    nova_sm_up(lock);
}

void nova_printf_unlocked(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    nova_vformat(console_put, NULL, format, args);
    va_end(args);
}
