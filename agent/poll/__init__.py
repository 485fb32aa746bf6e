"""Polling: what is due (schedule), who is alive (health), and the loop that asks (poller)."""
