"""Would this database take our rows? Asked with a write of nothing, which stores nothing: for `check --live`."""

import urllib.error
import urllib.parse
import urllib.request

from agent.errors import SinkError
from agent.publish.tls import client_context, explain
from agent.site import InfluxSite

_TIMEOUT_S = 5.0
_MOST_BYTES = 4096
# What a 1.x or 2.x server says to a write without a line: it has looked at token and bucket before that.
FINE = (204, 400)
_TROUBLE = {
    401: "it refuses the token: check token_file and the token's rights",
    403: "the token may not write to this bucket: give it the right",
    404: "no such bucket (a database, with InfluxDB 1.x): create it, or correct influxdb.bucket",
}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def trouble_of(site: InfluxSite) -> str:
    """In words for the engineer; empty if rows would be taken. Blocks for 5 s at most."""
    try:
        status, _ = written(site)
    except (OSError, SinkError) as error:
        return explain(error)
    if status in FINE:
        return ""
    return _TROUBLE.get(status, f"it answers {status} to a write: is this InfluxDB, or a proxy in front of it?")


def written(site: InfluxSite) -> tuple[int, bytes]:
    """Status and body of the answer to a write of nothing. OSError, SinkError where there is none."""
    query = urllib.parse.urlencode({"org": site.org, "bucket": site.bucket, "precision": "ns"})
    return _answered(site, f"/api/v2/write?{query}", b"")


def queried(site: InfluxSite) -> tuple[int, bytes]:
    """The same for an InfluxQL query, which dashboards ask by the bucket's name as a database."""
    query = urllib.parse.urlencode({"db": site.bucket, "q": "SHOW MEASUREMENTS LIMIT 1"})
    return _answered(site, f"/query?{query}", None)


def _answered(site: InfluxSite, path: str, data: bytes | None) -> tuple[int, bytes]:
    headers = {} if site.token is None else {"Authorization": f"Token {site.token.value}"}
    method = "GET" if data is None else "POST"
    request = urllib.request.Request(  # noqa: S310 - the site loader admits http and https alone
        site.url + path, data=data, headers=headers, method=method
    )
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({}), _NoRedirect()]
    if site.url.startswith("https:"):
        context = client_context(site.ca_file, site.cert_file, site.key_file)
        handlers.append(urllib.request.HTTPSHandler(context=context))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=_TIMEOUT_S) as answer:
            return answer.status, answer.read(_MOST_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(_MOST_BYTES)
