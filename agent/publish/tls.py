"""TLS for both sinks: one client context, and what a failed handshake means in an engineer's words."""

import ssl
from collections.abc import Callable
from pathlib import Path

from agent.errors import SinkError

# What to do -> parts of what OpenSSL, the resolver or the kernel say, lower case, _ as space. The first that fits
# counts. "alert" is what the *server* told us before it hung up.
_MEANINGS = (
    (
        "the server's certificate has expired; renew it, or set this gateway's clock right",
        ("certificate has expired",),
    ),
    (
        "the server's certificate is not valid yet; this gateway's clock is probably wrong",
        ("not yet valid",),
    ),
    (
        "the server's certificate is for another name; use a name that stands in it as the url's host",
        ("hostname mismatch", "ip address mismatch", "doesn't match"),
    ),
    (
        "no trusted CA signed the server's certificate; name your CA's certificate as ca_file",
        ("local issuer", "self-signed", "self signed"),
    ),
    (
        "the server demands a client certificate; set cert_file and key_file",
        ("alert certificate required", "no required ssl certificate"),
    ),
    (
        "the server does not know the CA of our client certificate; check cert_file",
        ("alert unknown ca",),
    ),
    (
        "the server refused our client certificate; check that cert_file is the one made for this gateway",
        ("alert bad certificate", "ssl certificate error"),
    ),
    (
        "our client certificate has expired; renew cert_file",
        ("alert certificate expired",),
    ),
    (
        "the server broke off the handshake; it may demand a client certificate (cert_file, key_file)",
        ("handshake failure",),
    ),
    (
        "the server offers no TLS 1.2 or newer; older ones are refused",
        ("protocol version", "unsupported protocol"),
    ),
    (
        "the server does not speak TLS on this port; check the url's scheme and port",
        ("wrong version number", "record layer failure", "unexpected eof"),
    ),
    (
        "the server hung up; if it does so every time, check the url's scheme and port",
        ("connection reset",),
    ),
    (
        "the host name is unknown; check it, and this gateway's name server",
        ("name or service not known", "no address associated"),
    ),
    (
        "no name server answered; check this gateway's network",
        ("name resolution",),
    ),
    (
        "nothing listens there; check host and port, and that the server runs",
        ("connection refused",),
    ),
    (
        "the host cannot be reached; check network and firewall",
        ("no route to host", "network is unreachable"),
    ),
)


Seen = Callable[[bytes], object]


def client_context(
    ca_file: Path | None, cert_file: Path | None, key_file: Path | None, seen: Seen = lambda _der: None
) -> ssl.SSLContext:
    """Trusts the system's CAs, or only `ca_file`; proves itself by `cert_file` (with `key_file`) if given.

    TLS 1.2 with ECDHE and AEAD, or 1.3; the host name is always checked. SinkError if a file cannot be used.
    seen: gets the server's certificate (DER) with each handshake that succeeds, in the thread that made it
    """
    context = _trusting(ca_file)
    # Explicitly: Debian 12's default context reports MINIMUM_SUPPORTED.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.sslsocket_class = _showing(seen)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    if cert_file is not None:
        _load_identity(context, cert_file, key_file)
    return context


def explain(error: BaseException | str) -> str:
    """What went wrong with a connection and what to do next. Falls back to the error's own words."""
    said = error if isinstance(error, str) else "; ".join(_chain(error))
    heard = said.lower().replace("_", " ")
    for meaning, parts in _MEANINGS:
        if any(part in heard for part in parts):
            return meaning
    return said


class _TidySocket(ssl.SSLSocket):
    """Closes itself when its handshake fails: paho just forgets it."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def _showing(seen: Seen) -> type[_TidySocket]:
    class Showing(_TidySocket):
        def do_handshake(self, block: bool = False) -> None:
            super().do_handshake(block)
            seen(self.getpeercert(binary_form=True) or b"")

    return Showing


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise SinkError(f"{ca_file}: holds no PEM certificate ({error.reason}); export the CA as PEM") from None
    except OSError as error:
        raise SinkError(f"{ca_file}: {error.strerror}; check ca_file and who may read it") from None


def _load_identity(context: ssl.SSLContext, cert_file: Path, key_file: Path | None) -> None:
    try:
        # The empty password: without one OpenSSL would ask for it on the terminal.
        context.load_cert_chain(cert_file, key_file, password="")
    except ssl.SSLError as error:
        raise SinkError(
            f"{cert_file} and {key_file or 'no key_file'}: no usable pair ({error.reason or 'not PEM, or encrypted'});"
            " key_file must be the unencrypted PEM key of cert_file"
        ) from None
    except OSError as error:
        named = f"{cert_file} or {key_file}"
        raise SinkError(f"{named}: {error.strerror}; check the names and who may read them") from None


def _chain(error: BaseException | None) -> list[str]:
    said = []
    while error is not None:
        said.append(str(error) or type(error).__name__)
        error = error.__cause__ or error.__context__
    return said
