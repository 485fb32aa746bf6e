"""What a meter says on the wire: quantities, maps, plans, codecs, the read-only Modbus master and its lines."""
