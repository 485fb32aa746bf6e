"""Read-only Modbus master, sans-I/O: bytes and instants in, bytes and results out."""
