"""A consumer of the broker for tests: sees all that is published, and what is retained."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiomqtt


@dataclass(frozen=True, slots=True)
class Seen:
    topic: str
    body: dict[str, Any]
    retained: bool
    qos: int


@dataclass
class Observer:
    """seen: messages in the order of their arrival."""

    seen: list[Seen] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def bodies(self, topic_end: str) -> list[dict[str, Any]]:
        return [one.body for one in self.seen if one.topic.endswith(topic_end)]

    async def until(self, enough: Callable[["Observer"], bool], timeout_s: float = 5.0) -> None:
        """Waits until `enough`; AssertionError with what was seen if it never is."""
        try:
            async with asyncio.timeout(timeout_s):
                while not enough(self):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"not seen within {timeout_s} s; seen: {self.seen}") from None

    async def follow(self, client: aiomqtt.Client) -> None:
        with suppress(aiomqtt.MqttError):
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                body = json.loads(message.payload)
                self.seen.append(Seen(message.topic.value, body, message.retain, message.qos))
                self._news.set()


@asynccontextmanager
async def observe(port: int, **options: Any) -> AsyncIterator[Observer]:
    """Subscribes to everything with QoS 1, as client `observer`."""
    observer = Observer()
    async with aiomqtt.Client("127.0.0.1", port, identifier="observer", **options) as client:
        await client.subscribe("#", qos=1)
        task = asyncio.create_task(observer.follow(client))
        try:
            yield observer
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def retained(port: int, topic_end: str, **options: Any) -> dict[str, Any]:
    """What a consumer who comes now is told about a retained topic."""
    async with observe(port, **options) as observer:
        await observer.until(lambda seen: bool(seen.bodies(topic_end)))
        return observer.bodies(topic_end)[0]
