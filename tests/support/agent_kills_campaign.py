"""The whole agent killed again and again beside both real servers, in the middle of sags, with the servers killed too.

In the end every event that the journal holds is one point in the database and was heard at the broker, nothing is there
that the journal does not know, and the sequence has no hole without a gap record.
"""

import json
import random
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from running import Agent, Listener, agent, command, eventually, retained
from small_rig import SmallRig

from agent.journal import starts
from agent.journal.reader import Reader
from agent.journal.view import view
from agent.records import Gap
from agent.status.socket import NotRunningError, ask

STATE = "lamplighter/dashi/gw-01/state"
# A machine that is busy otherwise takes its time.
_START_S = 120


def campaign(place: Path, kills: int, seed: int) -> tuple[list[str], int]:
    """What broke a promise, in words; how many events there were."""
    rng = random.Random(seed)  # noqa: S311 - instants, no secret
    with ExitStack() as stack:
        rig = SmallRig(place, stack)
        listener = stack.enter_context(Listener(rig.broker.port))
        running = stack.enter_context(agent(rig.site))
        for number in range(kills):
            # Ten starts as any, then ten of which the last do what a restless gateway's do; what is judged is as any.
            _life(rig, running, rng, ordinary=number % 20 < 10 or number == kills - 1)
            if number % 25 == 24:
                print(f"agent kills: {number + 1} of {kills}", flush=True)  # noqa: T201 - for who waits half an hour
        return _judged(rig, running, listener)


def _up(rig: SmallRig) -> bool:
    """As `lamplighter status` asks, which would cost more than the agent's own start."""
    try:
        return bool(ask(rig.state, "status"))
    except NotRunningError:
        return False


def _life(rig: SmallRig, running: Agent, rng: random.Random, *, ordinary: bool) -> None:
    """A sag somewhere around a kill, sometimes with a server gone."""
    eventually("up", lambda: _up(rig), _START_S)
    gone = rng.choice([rig.broker, rig.influx.server, None, None, None, None])
    if gone is not None:
        gone.kill()
    rig.volts(160.0)
    time.sleep(rng.uniform(0, 0.6))
    if rng.random() < 0.5:
        rig.volts(230.0)
        time.sleep(rng.uniform(0, 0.3))
    running.kill()
    if ordinary:
        starts.forget(rig.state)
    rig.volts(230.0)
    if gone is not None:
        gone.start()
    running.start()


def _judged(rig: SmallRig, running: Agent, listener: Listener) -> tuple[list[str], int]:
    eventually("up", lambda: _up(rig), _START_S)
    wrong: list[str] = []
    state = eventually("online", lambda: (told := retained(rig.broker.port, STATE))["state"] == "online" and told, 30)
    own: dict[str, Any] = {}

    def settled() -> bool:
        told = json.loads(command("events", rig.site, "--limit", "1000", "--json").stdout)["events"]
        if any(event["kind"] == "sag" and event["state"] == "open" for event in told):
            return False
        own.update({event["id"]: event for event in told})
        stored = {row["id"]: row["state"] for row in rig.influx.query("SELECT id, state FROM event")}
        heard = {body["id"] for topic in ("/m/event", "gw-01/event") for body in listener.of(topic)}
        return stored == {id_: event["state"] for id_, event in own.items()} and set(own) <= heard

    try:
        eventually("journal, database and broker agree", settled, 60)
    except AssertionError as error:
        wrong.append(str(error))
    rows = [row["id"] for row in rig.influx.query("SELECT id, state FROM event")]
    wrong += [f"{id_} is there twice" for id_ in {id_ for id_ in rows if rows.count(id_) > 1}]
    wrong += [
        f"{event['kind']} {id_} is still open: {event.get('evidence')}"
        for id_, event in own.items()
        # That the values stand still and that there were many sags are events, too, and go on.
        if event["state"] == "open" and event["kind"] == "sag"
    ]
    if state["session"] != listener.of("gw-01/state")[-1]["session"]:
        wrong.append("the retained state is not the last one told")
    wrong += [] if running.stop()[0] == 0 else ["it did not stop in order"]
    return wrong + _holes(rig), len(own)


def _holes(rig: SmallRig) -> list[str]:
    """Seqs under which nothing is kept and of which no gap record tells."""
    with view(rig.state) as kept:
        head = kept.look(Reader.head)
        entries = kept.look(lambda reader: reader.read((1, head), head)).entries
        traces = kept.look(lambda reader: reader.read((1, head), head, traces=True)).entries
    there = {entry.seq for entry in (*entries, *traces)}
    there |= {seq for entry in entries if isinstance(entry.record, Gap) for seq in _span(entry.record)}
    return [f"seq {seq} is missing" for seq in range(1, head) if seq not in there]


def _span(gap: Gap) -> range:
    return range(gap.seq_lo, gap.seq_hi + 1)
