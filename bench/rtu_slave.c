/* Modbus RTU meters on a pseudo terminal that keeps the time of a real line, which a pty does not.
 * usage: rtu_slave BAUD BITS_PER_CHARACTER TURNAROUND_US UNITS [DEAD,DEAD,...]
 *
 * Prints "port PATH" when it is up. A request takes its characters' time from the instant that it is written; the
 * reply begins t3.5 and the turn-around after its end and comes in pieces at the baud rate, as from a UART's FIFO.
 * Units 1 to UNITS answer functions 3 and 4, except the dead ones.
 *
 * Commands on standard input: `stats` and `reset`, answered by one line:
 *   CLOCK_BOOTTIME in ns, answered, asked of the dead, gaps shorter than t3.5 before a request, shortest gap in ns,
 *   damaged requests, sum of the least legal time of all answered transactions in ns, greatest own lateness in ns,
 *   sum of all gaps before requests in ns
 * The least legal time of a transaction is request + t3.5 + turn-around + reply + t3.5. The end of the input ends it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { ASK = 8, MAX_COUNT = 125 };
/* So often a FIFO hands on what has come: USB adapters with a latency timer of 1 ms do. */
static const uint64_t PIECE_NS = 1000000;

struct counters {
    uint64_t answered, to_dead, violations, shortest_gap_ns, damaged, legal_ns, late_ns, gaps_ns;
};

static struct counters count = {.shortest_gap_ns = UINT64_MAX};
static uint64_t char_ns, silence_ns, turnaround_ns, free_ns;
static uint8_t alive[256];
static int line;

static uint64_t boot_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void sleep_until(uint64_t at_ns) {
    struct timespec at = {(time_t)(at_ns / 1000000000u), (long)(at_ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &at, NULL))
        ;
}

static uint16_t crc(const uint8_t *bytes, size_t size) {
    uint16_t sum = 0xFFFF;
    for (size_t n = 0; n < size; n++) {
        sum ^= bytes[n];
        for (int bit = 0; bit < 8; bit++)
            sum = (uint16_t)(sum & 1 ? sum >> 1 ^ 0xA001 : sum >> 1);
    }
    return sum;
}

static uint16_t word(unsigned unit, unsigned address, uint64_t now_ns) {
    unsigned pair = address >> 1;
    float phase = (float)(now_ns / 10000000u % 256u) / 40.7f + (float)(unit + pair);
    float value = (pair < 3 ? 230.0f : 10.0f + (float)pair) + 0.5f * sinf(phase);
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)(address & 1u ? bits : bits >> 16);
}

static size_t reply_to(const uint8_t *ask, uint8_t *out, uint64_t now_ns) {
    unsigned address = ask[2] * 256u + ask[3], words = ask[4] * 256u + ask[5];
    size_t size = 3;
    out[0] = ask[0], out[1] = ask[1], out[2] = (uint8_t)(2 * words);
    for (unsigned n = 0; n < words; n++) {
        uint16_t value = word(ask[0], address + n, now_ns);
        out[size++] = (uint8_t)(value >> 8);
        out[size++] = (uint8_t)value;
    }
    uint16_t sum = crc(out, size);
    out[size++] = (uint8_t)sum;
    out[size++] = (uint8_t)(sum >> 8);
    return size;
}

static void send_paced(const uint8_t *bytes, size_t size, uint64_t start_ns) {
    size_t piece = PIECE_NS / char_ns ? PIECE_NS / char_ns : 1;
    for (size_t sent = 0; sent < size;) {
        size_t upto = sent + piece < size ? sent + piece : size;
        uint64_t due_ns = start_ns + upto * char_ns;
        sleep_until(due_ns);
        free_ns = boot_ns();
        if (free_ns - due_ns > count.late_ns)
            count.late_ns = free_ns - due_ns;
        if (write(line, bytes + sent, upto - sent) < 0)
            return;
        sent = upto;
    }
}

static void handle(const uint8_t *ask, uint64_t heard_ns) {
    uint64_t end_ns = heard_ns + ASK * char_ns;
    unsigned words = ask[4] * 256u + ask[5];
    if (crc(ask, 6) != (ask[6] | ask[7] << 8) || (ask[1] != 3 && ask[1] != 4) || !words || words > MAX_COUNT) {
        count.damaged++;
        free_ns = end_ns;
        return;
    }
    if (!alive[ask[0]]) {
        count.to_dead++;
        free_ns = end_ns;
        return;
    }
    uint8_t out[5 + 2 * MAX_COUNT];
    size_t size = reply_to(ask, out, end_ns);
    send_paced(out, size, end_ns + silence_ns + turnaround_ns);
    count.answered++;
    count.legal_ns += (ASK + size) * char_ns + 2 * silence_ns + turnaround_ns;
}

static void note_gap(uint64_t heard_ns) {
    uint64_t gap_ns = heard_ns > free_ns ? heard_ns - free_ns : 0;
    if (!free_ns)
        return;
    if (gap_ns < silence_ns)
        count.violations++;
    count.gaps_ns += gap_ns;
    if (gap_ns < count.shortest_gap_ns)
        count.shortest_gap_ns = gap_ns;
}

/* A request may come in pieces; what is no whole request after 50 ms is dropped. */
static void hear(void) {
    static uint8_t buffer[ASK];
    static size_t filled;
    static uint64_t heard_ns;
    uint64_t now_ns = boot_ns();
    if (filled && now_ns - heard_ns > 50000000u)
        filled = 0;
    ssize_t got = read(line, buffer + filled, ASK - filled);
    if (got <= 0)
        return;
    if (!filled) {
        heard_ns = now_ns;
        note_gap(now_ns);
    }
    filled += (size_t)got;
    if (filled == ASK) {
        filled = 0;
        handle(buffer, heard_ns);
    }
}

static void command(void) {
    char text[64];
    ssize_t got = read(0, text, sizeof text - 1);
    if (got <= 0)
        exit(0);
    text[got] = 0;
    if (!strncmp(text, "reset", 5))
        count = (struct counters){.shortest_gap_ns = UINT64_MAX};
    printf("%llu %llu %llu %llu %llu %llu %llu %llu %llu\n", (unsigned long long)boot_ns(),
           (unsigned long long)count.answered, (unsigned long long)count.to_dead, (unsigned long long)count.violations,
           (unsigned long long)count.shortest_gap_ns, (unsigned long long)count.damaged,
           (unsigned long long)count.legal_ns, (unsigned long long)count.late_ns, (unsigned long long)count.gaps_ns);
    fflush(stdout);
}

/* Keeps the far end open, so that a client's closing is no hang-up. */
static void open_line(void) {
    struct termios raw;
    line = posix_openpt(O_RDWR | O_NOCTTY);
    if (line < 0 || grantpt(line) < 0 || unlockpt(line) < 0) {
        perror("pty");
        exit(1);
    }
    int far = open(ptsname(line), O_RDWR | O_NOCTTY);
    tcgetattr(far, &raw);
    cfmakeraw(&raw);
    tcsetattr(far, TCSANOW, &raw);
    printf("port %s\n", ptsname(line));
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc < 5)
        return fputs("usage: rtu_slave BAUD BITS TURNAROUND_US UNITS [DEAD,...]\n", stderr), 2;
    char_ns = 1000000000u / (uint64_t)atoi(argv[1]) * (uint64_t)atoi(argv[2]);
    /* Modbus over serial line V1.02, 2.5.1.1: 3.5 characters, fixed 1.75 ms above 19200 baud */
    silence_ns = atoi(argv[1]) > 19200 ? 1750000u : char_ns * 7 / 2;
    turnaround_ns = (uint64_t)atoi(argv[3]) * 1000u;
    memset(alive + 1, 1, (size_t)atoi(argv[4]));
    for (char *dead = argc > 5 ? strtok(argv[5], ",") : NULL; dead; dead = strtok(NULL, ","))
        alive[atoi(dead) & 255] = 0;
    prctl(PR_SET_TIMERSLACK, 1);
    signal(SIGPIPE, SIG_IGN);
    open_line();
    struct pollfd fds[] = {{.fd = line, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    for (;;) {
        if (poll(fds, 2, -1) <= 0)
            continue;
        if (fds[0].revents)
            hear();
        if (fds[1].revents)
            command();
    }
}
