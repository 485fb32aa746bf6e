"""Polling: what is due, who is alive, and the loop that asks.

schedule    which read comes next; `unit`: the reads of a meter and their paces; `tally`: how busy, how late
roll        who answers: `health` (when a silent one is probed), `patience` (how long each is waited for)
mutes       reads that a meter does not answer
learning    how often meters renew their values: on trial (`refresh`), and seen in passing (`renewal`)
poller      the loop of one line; `asking`: its requests and half-finished sets; `place`: SunSpec models to be found;
            `said`: what the log has of it
window      samples into readings
"""
