"""One post to InfluxDB: our line protocol, carried by influxdb-client's synchronous write call; and one question. The
only file that knows influxdb-client and urllib3.

No batching, no retries in the client: its batching API blocks behind the first batch and drops it after its retries.
"""

import asyncio
import gzip
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from agent.publish.bounded import BoundedPools
from agent.publish.credential import Credential
from agent.publish.influx_rules import Answer, retry_after_s, words_of
from agent.publish.resolver import Resolver
from agent.publish.tls import Seen, client_context, explain
from agent.site import InfluxSite

if TYPE_CHECKING:
    from influxdb_client.client.influxdb_client import InfluxDBClient

_CONNECT_S = 3.0
ANSWER_S = 10.0
# Level 1: thousands of lines that resemble each other shrink a hundredfold in a millisecond; 9 gains little more.
_GZIP_LEVEL = 1


class Poster:
    """Holds the connection, and what opens it: token, certificates, the server's address.

    seen: gets the server's certificate with each new connection; timeout_s: for the answer
    """

    def __init__(
        self, site: InfluxSite, resolver: Resolver, seen: Seen = lambda _der: None, timeout_s: float = ANSWER_S
    ) -> None:
        self.token = Credential(site.token, site.token_file)
        self._site = site
        self._resolver = resolver
        self._seen = seen
        self._timeout_s = timeout_s
        self._client: InfluxDBClient | None = None

    async def post(self, body: bytes) -> Answer:
        """Lines to be stored."""
        return await self._within(lambda client: self._write(client, gzip.compress(body, _GZIP_LEVEL)))

    async def ask(self, influxql: str) -> Answer:
        """What the bucket says to a query: with status 200 the words are its JSON."""
        return await self._within(lambda client: self._query(client, influxql))

    async def _within(self, work: Callable[["InfluxDBClient"], Answer]) -> Answer:
        within_s = 2 * _CONNECT_S + self._timeout_s
        try:
            # The client's own timeouts start anew with each byte that arrives.
            async with asyncio.timeout(within_s):
                answer = await _in_thread(lambda: self._answered(work))
        except TimeoutError:
            answer = Answer(0, f"no complete answer within {within_s:g} s")
        if not answer.status:
            self.close()  # certificates may have been renewed meanwhile: they are read by the next client
        return answer

    def _write(self, client: "InfluxDBClient", body: bytes) -> Answer:
        """redirect=False: a redirected POST becomes a GET that answers 200."""
        from influxdb_client.service.write_service import WriteService

        _, status, _ = WriteService(client.api_client).post_write_with_http_info(  # type: ignore[no-untyped-call]
            self._site.org,
            self._site.bucket,
            body,
            precision="ns",
            content_encoding="gzip",
            urlopen_kw={"redirect": False},
        )
        return Answer(status)

    def _query(self, client: "InfluxDBClient", influxql: str) -> Answer:
        """By the one read API that all generations have. InfluxDB 1.8 calls a bucket database/retention-policy."""
        database, _, policy = self._site.bucket.partition("/")
        asked = {"db": database, "q": influxql} | ({"rp": policy} if policy else {})
        carrier: Any = client.api_client.rest_client
        heads = dict(client.api_client.default_headers)
        said = carrier.request("GET", f"{self._site.url}/query", query_params=asked, headers=heads, redirect=False)
        return Answer(said.status, said.data)

    def _answered(self, work: Callable[["InfluxDBClient"], Answer]) -> Answer:
        """In a thread."""
        from influxdb_client.rest import ApiException
        from urllib3.exceptions import HTTPError

        try:
            return work(self._connected())
        except ApiException as error:
            if not error.status:
                return Answer(0, explain(str(error.reason)))
            words = words_of(error.body or "")
            words = explain(words) if error.status == 400 else words
            return Answer(error.status, words, retry_after_s(error.headers or {}))
        except UnicodeDecodeError:
            return Answer(0, "the answer is not UTF-8: a proxy answers there, not InfluxDB; check url")
        except OverflowError:  # of urllib3: a chunk longer than memory could be
            return Answer(0, "the answer is not HTTP: something else answers there, not InfluxDB; check url")
        except (HTTPError, OSError) as error:  # a SinkError, too: certificates that cannot be used
            return Answer(0, explain(error))

    def _connected(self) -> "InfluxDBClient":
        # Imported by the first post, in its thread: 200 ms and 15 MB that only this sink needs.
        from influxdb_client.client.influxdb_client import InfluxDBClient

        if self.token.changed:
            self.renew()
        if self._client is None:
            site, token = self._site, self.token.value
            secure = site.url.startswith("https:")
            self._client = InfluxDBClient(
                site.url,
                token=token.value if token else "",
                timeout=(round(_CONNECT_S * 1000), round(self._timeout_s * 1000)),
                ssl_context=client_context(site.ca_file, site.cert_file, site.key_file, self._seen) if secure else None,
            )
            carrier: Any = self._client.api_client.rest_client
            carrier.pool_manager.pool_classes_by_scheme = _pools(self._resolver)
            carrier.pool_manager = BoundedPools(carrier.pool_manager, self._timeout_s)
        return self._client

    def renew(self) -> None:
        """The token as its file has it now, with the next connection."""
        self.close()
        self.token.fresh()

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()  # type: ignore[no-untyped-call]


def _pools(resolver: Resolver) -> dict[str, Any]:
    """urllib3's own by scheme, but that their connections reach the server through `resolver`."""
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    def reached(connection: HTTPConnection) -> socket.socket:
        try:
            carrier = resolver.connect(connection._dns_host, connection.port, _CONNECT_S)
        except TimeoutError as error:
            raise ConnectTimeoutError(connection, f"no connection within {_CONNECT_S:g} s") from error
        except OSError as error:
            raise NewConnectionError(connection, str(error)) from error
        for option in connection.socket_options or ():
            carrier.setsockopt(*option)
        return carrier

    def through(pool: Any, connection: type) -> Any:
        return type(pool.__name__, (pool,), {"ConnectionCls": type("Reached", (connection,), {"_new_conn": reached})})

    return {"http": through(HTTPConnectionPool, HTTPConnection), "https": through(HTTPSConnectionPool, HTTPSConnection)}


async def _in_thread(work: Callable[[], Answer]) -> Answer:
    """Runs `work` in a thread of its own, not in an executor: the process would wait for its end at exit, and thus
    for a server that is silent."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Answer] = loop.create_future()

    def settle(answer: Answer | None) -> None:
        if result.done():
            return
        if answer is None:
            result.set_exception(RuntimeError("the InfluxDB thread failed; its traceback says where"))
        else:
            result.set_result(answer)

    def run() -> None:
        answer = None
        try:
            answer = work()
        finally:
            with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
                loop.call_soon_threadsafe(settle, answer)

    threading.Thread(target=run, name="influxdb", daemon=True).start()
    return await result
