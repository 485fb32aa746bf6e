/* A fast Modbus TCP slave that keeps its own count. usage: slave PORTS
 *
 * Listens on PORTS kernel-chosen ports of 127.0.0.1 and prints "ports P..." when it is up. Functions 3 and 4, any unit,
 * any number of connections. Register pairs hold big-endian floats that change every 10 ms; pairs 0 to 2 are
 * voltages. With several ports a meter is a port, with one port a meter is a unit.
 *
 * Commands on standard input, each answered by one line that begins with CLOCK_BOOTTIME in nanoseconds:
 *   stats      requests, registers served, connections accepted, instant of the first request since `reset`
 *   reset      all of these to zero
 *   drop N     voltages of meter N (from 0) to half; "drop all": of every meter at once
 *   restore    every voltage back
 * The end of its input ends the program.
 */
#include <arpa/inet.h>
#include <math.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PORTS = 1024, MAX_FDS = 4096, MAX_METERS = 1024, FRAME = 12, MAX_COUNT = 125 };
enum kind { CLOSED, COMMANDS, LISTENER, CONNECTION };

struct peer {
    enum kind kind;
    int port;
    size_t filled;
    uint8_t buffer[4096];
};

static struct peer peers[MAX_FDS];
static uint8_t dropped[MAX_METERS];
static float wobble[256];
static uint64_t requests, registers, connections, first_request_ns, now_ns;
static int ports, poller;

static uint64_t boot_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static _Noreturn void die(const char *what) {
    perror(what);
    exit(1);
}

static uint16_t word(int meter, unsigned address) {
    unsigned pair = address >> 1;
    float value = pair < 3 ? 230.0f : 10.0f + (float)pair;
    value += wobble[(now_ns / 10000000u + (unsigned)meter * 13u + pair * 31u) & 255u];
    if (pair < 3 && dropped[meter])
        value *= 0.5f;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)(address & 1u ? bits : bits >> 16);
}

/* Writes the reply to one 12-byte request; returns its size. */
static size_t answer(int port, const uint8_t *ask, uint8_t *out) {
    unsigned function = ask[7], address = ask[8] * 256u + ask[9], count = ask[10] * 256u + ask[11];
    memcpy(out, ask, 8);
    if (!requests++)
        first_request_ns = now_ns;
    out[4] = 0;
    if ((function != 3 && function != 4) || count < 1 || count > MAX_COUNT || address + count > 65536) {
        out[5] = 3, out[7] = (uint8_t)(function | 0x80), out[8] = 2;
        return 9;
    }
    registers += count;
    int meter = ports > 1 ? port : ask[6];
    out[5] = (uint8_t)(3 + 2 * count);
    out[8] = (uint8_t)(2 * count);
    for (unsigned n = 0; n < count; n++) {
        uint16_t value = word(meter, address + n);
        out[9 + 2 * n] = (uint8_t)(value >> 8);
        out[10 + 2 * n] = (uint8_t)value;
    }
    return 9 + 2 * count;
}

static void drop_connection(int fd) {
    close(fd);
    peers[fd].kind = CLOSED;
}

static void serve(int fd) {
    struct peer *peer = &peers[fd];
    ssize_t got = read(fd, peer->buffer + peer->filled, sizeof peer->buffer - peer->filled);
    if (got <= 0) {
        drop_connection(fd);
        return;
    }
    peer->filled += (size_t)got;
    static uint8_t out[sizeof peers[0].buffer / FRAME * 260 + 260];
    size_t used = 0, size = 0;
    for (; peer->filled - used >= FRAME; used += FRAME)
        size += answer(peer->port, peer->buffer + used, out + size);
    peer->filled -= used;
    memmove(peer->buffer, peer->buffer + used, peer->filled);
    if (size && write(fd, out, size) != (ssize_t)size)
        drop_connection(fd);
}

static void watch(int fd, enum kind kind, int port) {
    if (fd < 0 || fd >= MAX_FDS)
        die("descriptor");
    peers[fd] = (struct peer){.kind = kind, .port = port};
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl");
}

static void welcome(int listener) {
    int fd = accept(listener, NULL, NULL), on = 1;
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connections++;
    watch(fd, CONNECTION, peers[listener].port);
}

static int listen_on_any(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 512) < 0)
        die("listen");
    getsockname(fd, (struct sockaddr *)&address, &size);
    printf(" %d", ntohs(address.sin_port));
    return fd;
}

static void command(char *line) {
    line[strcspn(line, "\n")] = 0;
    uint64_t at_ns = boot_ns();
    if (!strcmp(line, "drop all"))
        memset(dropped, 1, sizeof dropped);
    else if (!strncmp(line, "drop ", 5))
        dropped[(unsigned)atoi(line + 5) % MAX_METERS] = 1;
    else if (!strcmp(line, "restore"))
        memset(dropped, 0, sizeof dropped);
    else if (!strcmp(line, "reset"))
        requests = registers = connections = first_request_ns = 0;
    printf("%llu %llu %llu %llu %llu\n", (unsigned long long)at_ns, (unsigned long long)requests,
           (unsigned long long)registers, (unsigned long long)connections, (unsigned long long)first_request_ns);
    fflush(stdout);
}

static void read_commands(void) {
    static char buffer[256];
    static size_t filled;
    ssize_t got = read(0, buffer + filled, sizeof buffer - 1 - filled);
    if (got <= 0)
        exit(0);
    filled += (size_t)got;
    buffer[filled] = 0;
    for (char *end; (end = strchr(buffer, '\n'));) {
        char line[sizeof buffer];
        size_t size = (size_t)(end - buffer) + 1;
        memcpy(line, buffer, size);
        line[size] = 0;
        command(line);
        filled -= size;
        memmove(buffer, end + 1, filled + 1);
    }
}

static void dispatch(int fd) {
    if (peers[fd].kind == CONNECTION)
        serve(fd);
    else if (peers[fd].kind == LISTENER)
        welcome(fd);
    else if (peers[fd].kind == COMMANDS)
        read_commands();
}

int main(int argc, char **argv) {
    ports = argc == 2 ? atoi(argv[1]) : 0;
    if (ports < 1 || ports > MAX_PORTS)
        return fputs("usage: slave PORTS\n", stderr), 2;
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files = {MAX_FDS, MAX_FDS};
    setrlimit(RLIMIT_NOFILE, &files);
    for (int n = 0; n < 256; n++)
        wobble[n] = 0.5f * sinf((float)n * 6.2831853f / 256.0f);
    poller = epoll_create1(0);
    fputs("ports", stdout);
    for (int port = 0; port < ports; port++)
        watch(listen_on_any(), LISTENER, port);
    puts("");
    fflush(stdout);
    watch(0, COMMANDS, 0);
    struct epoll_event events[256];
    for (;;) {
        int ready = epoll_wait(poller, events, 256, -1);
        now_ns = boot_ns();
        for (int n = 0; n < ready; n++)
            dispatch(events[n].data.fd);
    }
}
