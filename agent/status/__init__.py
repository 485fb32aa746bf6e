"""How things stand now: the board, the local socket that answers the command line, and systemd's notify."""
