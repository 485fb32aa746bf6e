"""What happened, and how sure are we: looks at voltages and replies in, decisions out.

Pure: values and instants in, changes out; no clock, no I/O, no task.

    thresholds  profiles and the rules one meter is judged by
    meter       all that is judged from the voltages of one meter: the quiet path, then the detectors in turn
    table       the conditions judged at every look: when each kind begins, ends, is enclosed, takes another's place
    tracks      one open event, its bounds and extremes
    voltage     runs them: sag, swell, supply_loss, phase_loss
    faults      voltage circuits, earth faults and broken neutrals, which look like sags and losses; their conditions in
                `fault_rows`, how sure they are in `suspicion`, geometry in `displaced`, words in `fault_words`;
                `residual`: earth faults by the residual voltage
    stale       values that are no longer measured; `counters`: energies that stand still
    bay         a feeder whose voltage is the bus's: is its current gone?
    blocks      looks gathered into means of blocks and minutes
    slow        the conditions judged every minute: undervoltage, overvoltage, unbalance (formulas in `unbalance`)
    rapid       rapid_change: a step from one steady voltage to another
    sliding     a reference that follows the voltage
    warmup      is this answer one of a meter that has just booted?
    around      what belongs to an event beside its voltages: currents, missing energy; `side`: where its cause lies
    comms       comms_loss: ``answered`` and ``missed``
    chatter     too many of a kind in ten minutes
    supply      live, dead, partial, unknown, per phase and in total
    changes     what the detectors say
    words       evidence in words; `sizes`: size, side and class of an event in its record; `classes`, `curves`: names
    floor       what a meter, polled like this, cannot see
    ring, recorder   full-rate samples around events
    evidence    what the meter's own registers latch, and what a change of them means; `meter_log`: reads in, findings
                out; `merging`: the event a finding belongs to, `known`: which it may belong to, `notes`: what was said
                of one; `own_words`, and `log_state`, `note_state`: as words, and for the journal
    network     nodes and the meters on them: who feeds whom; `localise`: which nodes explain who is dead;
                `patterns`: one phase gone, one conductor open above a transformer
    looks       whether enough meters were looked at to speak of the network; `mode_ends`: what outlasts a test;
                `incidents`: faults over time, `cases`: one of them, `incident_words`: in words
    book        changes -> revisions of ``agent.records.Event``
    resume      ... and back after a restart; `two_clocks`: bounds that reach back over a reboot

A condition on the same looks is another row of `table`, one on 1-min means another row of `slow`. They share one row
of keys under the detector name ``voltage``, so that they can enclose and replace each other.
"""
