"""How things stood <-> readings of meters that cannot be, for the dense code of a chunk. Pure.

They share chunks with readings, as intervals do: in chunks of their own, which cut those of readings in two, they cost
the card twice as much.
"""

from typing import get_args

from agent.journal.delta import WORDS as READING_WORDS
from agent.records import Health, HealthOf, Reading

# What no name of a meter, line or sink holds.
_OF = ":"
_INSTANT = "_us"
OFS: dict[str, HealthOf] = {of: of for of in get_args(HealthOf)}

# What heads are made of. A part of the code: a word that changes makes chunks unreadable that lie in files out there.
# A field that is not among them costs its name once a chunk. The most frequent stand last.
WORDS = (
    b'card_written_bytes_day","card_flushes_day","card_life_used_pct","card_spare","card_device=mmcblk0'
    b'client_certificate_days_left","ca_days_left","server_certificate_days_left","certificate_days_left","supply_lost'
    b'[":gateway","alarms=","clock_source=timesyncd","journal_error=","session=","version=1.0.0'
    b'["uptime_s","machine_uptime_s","rss_bytes","cpu_share","loop_lag_s","loop_lag_max_s","stalled_s","suspended_s","'
    b'descriptors","descriptors_max","state_free_bytes","clock_synced","clock_uncertainty_s","clock_moved_s","'
    b'clock_guess","clock_waits","journal_ok","journal_bytes","journal_cap_bytes","journal_share","journal_rows","'
    b'journal_uncommitted","journal_gaps","journal_commits","journal_trace_bytes","journal_traces_evicted","'
    b'journal_oldest_unsent_s","meters","meters_live","meters_dead","meters_partial","meters_unknown","meters_lost","'
    b'meters_not_normal","events_open","incidents_open","alarms_open'
    b'["mqtt:sink","influxdb:sink",["sink_error=","sink_blocked="],["sink_ok","blocked","failures","backlog_rows","'
    b'backlog_bytes","backlog_age_s","backlog_traces","dead_letters","accepted","rejected'
    b':line",["line_state=connecting","line_state=closed","line_state=open","line_error="],["line_up","foreign_master","'
    b'units","units_silent","units_doubtful","units_mute","utilisation","lag_s","lag_max_s","watch_hz_min","'
    b'watch_hz_mean","watch_hz_max","overruns","exchanges_answered","exchanges_silent","exchanges_garbled","'
    b'exchanges_foreign","exchanges_refused","exchanges_down","exchanges_late","noise_bytes","foreign_frames","'
    b'foreign_requests","foreign_writes","echoes","collisions","reconnects'
    b'"],[],[]],["live","dead","partial","unknown","comms_ok","comms_suspect","comms_lost","mode_normal","events_open","'
    b'watch_hz","refresh_s","missed_ticks","mute","last_good_us"],[],[]'
    b'["supply=unknown","supply=partial","supply=dead","comms=suspect","comms=lost","mode=test","mode=maintenance"'
    b'"supply_l1=unknown","supply_l2=unknown","supply_l3=unknown","supply_l1=dead","supply_l2=dead","supply_l3=dead"'
    b'"supply_l1_l2=live","supply_l2_l3=live","supply_l3_l1=live"'
    b',0.0],[":meter",0,"good",["supply=live","supply_l1=live","supply_l2=live","supply_l3=live","comms=ok",'
    b'"mode=normal","open_events="],0.0],['
) + READING_WORDS


def to_row(health: Health) -> Reading:
    """Instants go as numbers: a float64 holds every microsecond until the year 2255."""
    texts = tuple(f"{key}={text}" for key, text in health.texts.items())
    instants = {key: float(at_us) for key, at_us in health.instants.items()}
    return Reading(f"{health.name}{_OF}{health.of}", health.time_us, 0.0, "good", texts, {**health.numbers, **instants})


def from_row(row: Reading) -> Health:
    """Of a reading whose name ends with one of OFS."""
    name, _, of = row.meter.partition(_OF)
    texts = dict(text.partition("=")[::2] for text in row.flags)
    instants = {key: int(value) for key, value in row.values.items() if key.endswith(_INSTANT)}
    numbers = {key: value for key, value in row.values.items() if key not in instants}
    return Health(OFS[of], name, row.time_us, numbers, texts, instants)
