"""What happened, and how sure are we: looks at voltages and replies in, decisions out.

Pure: values and instants in, changes out; no clock, no I/O, no task.

    thresholds  profiles and the rules one meter is judged by
    table       the conditions: when each kind begins, ends, is enclosed, takes another's place
    tracks      one open event, its bounds and extremes
    voltage     sag, swell, supply_loss, phase_loss: ``step(state, look, rules)``
    comms       comms_loss: ``answered`` and ``missed``
    supply      live, dead, partial, unknown, per phase and in total
    changes     what the two detectors say
    words       evidence in words
    book        changes -> revisions of ``agent.records.Event``
    resume      ... and back after a restart

Another detector (undervoltage on 1-min means, unbalance ...) is another module that returns `Change`s under its
own `Detector` name; another condition on the same looks is another row of the table.
"""
