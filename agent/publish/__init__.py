"""From the journal to the sinks: encoders, one loop per sink, MQTT and InfluxDB."""
