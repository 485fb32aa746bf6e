/* A slave on libmodbus. usage: libmodbus_peer tcp PORT | rtu PATH BAUD
 * Unit 1; holding and input register N hold (7 N + 3) mod 65536; addresses 0 to 999. */
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static modbus_mapping_t *registers(void) {
    modbus_mapping_t *map = modbus_mapping_new(64, 64, 1000, 1000);
    for (int n = 0; n < 1000; n++)
        map->tab_registers[n] = map->tab_input_registers[n] = (uint16_t)(7 * n + 3);
    for (int n = 0; n < 64; n++)
        map->tab_bits[n] = map->tab_input_bits[n] = n % 3 == 0;
    return map;
}

int main(int argc, char **argv) {
    int tcp = argc == 3 && strcmp(argv[1], "tcp") == 0;
    if (!tcp && argc != 4)
        return 2;
    modbus_t *bus = tcp ? modbus_new_tcp("127.0.0.1", atoi(argv[2]))
                        : modbus_new_rtu(argv[2], atoi(argv[3]), 'N', 8, 1);
    modbus_set_slave(bus, 1);
    int listener = tcp ? modbus_tcp_listen(bus, 1) : 0;
    if (listener < 0 || (!tcp && modbus_connect(bus) < 0))
        return perror("libmodbus_peer"), 1;
    puts("ready");
    fflush(stdout);
    if (tcp)
        modbus_tcp_accept(bus, &listener);
    modbus_mapping_t *map = registers();
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    for (;;) {
        int size = modbus_receive(bus, query);
        if (size > 0)
            modbus_reply(bus, query, size, map);
        else if (size < 0 && tcp)
            return 0;
    }
}
