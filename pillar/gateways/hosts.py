"""Looking at a company's host from outside: one small GET to a public address, and nothing that could be turned on us.

HTTPS with a certificate that is checked, the address pinned after it was found to be a public one, no redirect, five
seconds, a few kilobytes. In development names of this machine and plain HTTP are allowed, so that it can be tried.
"""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Protocol

from pillar.errors import GatewayRefused

TIMEOUT_SECONDS = 5.0
_MOST_BYTES = 4_096
_HTTPS_PORT = 443
_LOCAL = ".localhost"
# IPv4 behind a translator (RFC 6052).
_TRANSLATED = ip_network("64:ff9b::/96")


class HostGateway(Protocol):
    """Fetches one address on a host."""

    def fetch(self, host: str, path: str) -> str:
        """The text found there. Raises GatewayRefused with a sentence for the office."""
        ...


class OutsideView:
    """The real one. `local_port` is where this machine's own names answer in development, over plain HTTP."""

    def __init__(self, local_port: int | None = None) -> None:
        self._local_port = local_port

    def fetch(self, host: str, path: str) -> str:
        """Fetch it from the one address that was looked at."""
        connection = self._connection(host)
        # A time-out on the socket alone would let somebody send one byte every four seconds.
        end = threading.Timer(TIMEOUT_SECONDS, _hang_up, (connection,))
        end.daemon = True
        end.start()
        try:
            return _read(connection, path)
        except ssl.SSLError as error:
            raise _refused(f"Its certificate is not in order: {error.reason or 'TLS failed'}.") from error
        except (OSError, HTTPException, ValueError) as error:
            if isinstance(error, TimeoutError) or not end.is_alive():
                raise _refused("It did not answer within five seconds.") from error
            raise _refused(f"It could not be reached: {type(error).__name__}.") from error
        finally:
            end.cancel()
            connection.close()

    def _connection(self, host: str) -> HTTPConnection:
        if self._local_port is not None and host.endswith(_LOCAL):
            return _PinnedPlain("127.0.0.1", host, self._local_port)
        return _PinnedSecure(_public_address(host), host)


class _PinnedPlain(HTTPConnection):
    """Connects to the address, and asks for the host."""

    def __init__(self, address: str, host: str, port: int) -> None:
        super().__init__(host, port, timeout=TIMEOUT_SECONDS)
        self._address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), TIMEOUT_SECONDS)


class _PinnedSecure(HTTPSConnection):
    """The same over TLS, with a certificate for the host."""

    def __init__(self, address: str, host: str) -> None:
        self._checks = ssl.create_default_context()
        super().__init__(host, _HTTPS_PORT, timeout=TIMEOUT_SECONDS, context=self._checks)
        self._address = address

    def connect(self) -> None:
        # Set before the handshake, so that it too can be cut short.
        self.sock = socket.create_connection((self._address, self.port), TIMEOUT_SECONDS)
        self.sock = self._checks.wrap_socket(self.sock, server_hostname=self.host)


def _read(connection: HTTPConnection, path: str) -> str:
    connection.request("GET", path, headers={"User-Agent": "Pillar", "Connection": "close"})
    response = connection.getresponse()
    if response.status != HTTPStatus.OK:
        raise _refused(f"It answered with status {response.status}.")
    body = b""
    while len(body) < _MOST_BYTES and (part := response.read1(_MOST_BYTES)):
        body += part
    return body.decode("ascii", "replace")


def _hang_up(connection: HTTPConnection) -> None:
    with suppress(OSError):
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)


def _public_address(host: str) -> str:
    """One address of the host, if all of them are out in the open: looked up once, so that it cannot change."""
    try:
        found = socket.getaddrinfo(host, _HTTPS_PORT, type=socket.SOCK_STREAM)
    except OSError as error:
        raise _refused("There is no such name in DNS yet. New entries can take an hour.") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(_is_public(address) for address in addresses):
        raise _refused("It does not lead to a public address.")
    return addresses[0]


def _is_public(address: str) -> bool:
    parsed = ip_address(address.partition("%")[0])
    inner = getattr(parsed, "ipv4_mapped", None) or getattr(parsed, "sixtofour", None)
    if parsed in _TRANSLATED:
        inner = IPv4Address(int(parsed) & 0xFFFFFFFF)
    is_open = parsed.is_global and not parsed.is_multicast
    return is_open and (inner is None or (inner.is_global and not inner.is_multicast))


def _refused(detail: str) -> GatewayRefused:
    return GatewayRefused("provider", detail)
