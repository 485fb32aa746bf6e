"""Events that lie inside one that is still open. It may turn out to be another kind: then they must name that. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from agent.records import Event


class Children:
    """Of one meter. The open ones are the book's; these are over."""

    def __init__(self) -> None:
        self._closed: dict[str, Event] = {}
        self._successors: dict[str, str] = {}

    def put(self, event: Event) -> None:
        """As it was told last."""
        if event.state == "closed" and event.parent is not None:
            self._closed[event.id] = event
        elif event.state == "closed":
            # What was inside it can lie inside nothing else any more.
            self._forget(event.id)

    def taken_over(self, id_: str, by: str) -> None:
        self._successors[id_] = by

    def orphaned(self, parent: str, open_events: Iterable[Event]) -> tuple[Event, ...]:
        """Those inside a retracted event, with the one that took it over in its place."""
        by = self._successors.pop(parent, None)
        inside = [event for event in (*open_events, *self._closed.values()) if event.parent == parent]
        return tuple(replace(event, parent=None if event.id == by else by) for event in inside)

    def _forget(self, parent: str) -> None:
        self._closed = {id_: event for id_, event in self._closed.items() if event.parent != parent}
