/* libmodbus as a master on one serial line, flat out, no retries. usage: libmodbus_client PATH BAUD PARITY STOP UNITS */
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    if (argc != 6)
        return fputs("usage: libmodbus_client PATH BAUD PARITY STOP UNITS\n", stderr), 2;
    modbus_t *bus = modbus_new_rtu(argv[1], atoi(argv[2]), argv[3][0], 8, atoi(argv[4]));
    if (!bus || modbus_connect(bus) < 0)
        return perror("libmodbus_client"), 1;
    modbus_set_response_timeout(bus, 0, 500000);
    uint16_t words[30];
    for (int units = atoi(argv[5]), unit = 1;; unit = unit % units + 1) {
        modbus_set_slave(bus, unit);
        if (modbus_read_input_registers(bus, 0, 30, words) < 0)
            modbus_flush(bus);
    }
}
