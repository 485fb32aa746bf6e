/* libmodbus as a master on one serial line, flat out, no retries, resting GAP_US between a reply and the next request.
 * usage: libmodbus_client PATH BAUD PARITY STOP UNITS GAP_US */
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int argc, char **argv) {
    if (argc != 7)
        return fputs("usage: libmodbus_client PATH BAUD PARITY STOP UNITS GAP_US\n", stderr), 2;
    modbus_t *bus = modbus_new_rtu(argv[1], atoi(argv[2]), argv[3][0], 8, atoi(argv[4]));
    if (!bus || modbus_connect(bus) < 0)
        return perror("libmodbus_client"), 1;
    modbus_set_response_timeout(bus, 0, 500000);
    const struct timespec gap = {0, 1000L * atol(argv[6])};
    uint16_t words[30];
    for (int units = atoi(argv[5]), unit = 1;; unit = unit % units + 1) {
        modbus_set_slave(bus, unit);
        if (modbus_read_input_registers(bus, 0, 30, words) < 0)
            modbus_flush(bus);
        clock_nanosleep(CLOCK_MONOTONIC, 0, &gap, NULL);
    }
}
