"""Which URLs a stage may call: a client's URL must not reach internal networks.

A URL is checked twice: its text, and every address of its host when it is called. The call then
goes to exactly these addresses, so a name that resolves to another address later has no effect.
"""

from __future__ import annotations

import re
import socket
import urllib.parse
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

import msgspec

from chalicelib.domain.errors import PermanentError
from chalicelib.outbound.addresses import (
    Address,
    Network,
    is_disguised,
    is_loopback,
    is_public,
    parse_address,
)

PRINTABLE = re.compile(r"[\x21-\x7e]+")  # urlsplit would silently drop line breaks and tabs
NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
A_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # many resolvers read these as (part of) an address
PORTS = {"https": 443, "http": 80}

Resolve = Callable[[str, int], Iterable[str]]


def resolve(host: str, port: int) -> Iterable[str]:
    """All addresses of a name, from the system's resolver. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return dict.fromkeys(str(place[0]) for *_, place in found)


class Target(msgspec.Struct, frozen=True):
    """A parsed URL. It is parsed once, so that check and call cannot read it differently."""

    scheme: str
    host: str
    port: int
    path: str  # and query

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


class Guard(msgspec.Struct, frozen=True):
    """`hosts` are names or patterns that may be called by HTTPS at public addresses, on port 443
    unless they name another (`*`, `*.example.com`, `api.example.com:8443`). Hosts with an address
    in `networks` may also be called by plain HTTP and on any port. `never`, such as
    `127.0.0.1:9001`, may not be called by that name or, if it is on this machine, by any other."""

    hosts: tuple[str, ...] = ("*",)
    networks: tuple[Network, ...] = ()
    never: tuple[str, ...] = ()
    resolve: Resolve = resolve

    def judge(self, url: str) -> Target:
        """Check the text of a URL. Raises PermanentError."""
        target = _parse(url)
        if not (_matches(target.host, self.hosts) or _matches(target.place, self.hosts)):
            raise PermanentError(
                f"The host {target.host} is not allowed on this stage: its ALLOWED_HOSTS does not "
                "list it."
            )
        address = parse_address(target.host)
        if address is not None:
            self._judge_address(target, address)
        elif not self.networks:
            self._judge_public(target)
        return target

    def addresses(self, target: Target) -> list[Address]:
        """The addresses at which to call the host. Raises PermanentError if any of them is not
        allowed, OSError if there is none."""
        literal = parse_address(target.host)
        texts = [target.host] if literal else self.resolve(target.host, target.port)
        addresses = [parse_address(text) for text in texts]
        if not addresses:
            raise OSError(f"The host {target.host} has no address.")
        allowed = [one for one in addresses if one is not None]
        if len(allowed) < len(addresses):
            raise PermanentError(f"The host {target.host} has an address that cannot be checked.")
        for address in allowed:
            self._judge_address(target, address)
        return allowed

    def _judge_address(self, target: Target, address: Address) -> None:
        if self._is_runtime(target, address):
            raise PermanentError(f"The host {target.host} is this service's own runtime.")
        listed = any(address in network for network in self.networks)
        if listed and not is_disguised(address):
            return
        if not is_public(address):
            raise PermanentError(
                f"The host {target.host} is not in the public internet, and the stage's "
                "ALLOWED_NETWORKS does not list its address in its usual form."
            )
        self._judge_public(target)

    def _is_runtime(self, target: Target, address: Address) -> bool:
        here = is_loopback(address)
        places = (place.rpartition(":") for place in self.never)
        return any(
            port == str(target.port) and (here or host in (target.host, str(address)))
            for host, _, port in places
        )

    def _judge_public(self, target: Target) -> None:
        if target.scheme != "https":
            raise PermanentError(
                "Only https URLs may be called; plain http can be read in transit."
            )
        with_port = [rule for rule in self.hosts if ":" in rule]
        if target.port != PORTS["https"] and not _matches(target.place, with_port):
            raise PermanentError(
                f"The port {target.port} is not allowed on this stage: its ALLOWED_HOSTS does not "
                f"list {target.place}."
            )


def _matches(name: str, rules: Iterable[str]) -> bool:
    return any(fnmatchcase(name, rule.lower()) for rule in rules)


def _parse(url: str) -> Target:
    if not PRINTABLE.fullmatch(url) or "\\" in url:
        raise PermanentError(
            "A URL must be printable ASCII: write names as xn--, other characters as %XX."
        )
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise PermanentError(f"{url!r} is not a URL: {error}") from None
    if parts.scheme not in PORTS:
        raise PermanentError(f"{url!r} is not an http or https URL.")
    if "@" in parts.netloc:
        raise PermanentError("A URL may not contain a user or a password.")
    name = f"[{host}]" if "[" in parts.netloc else host
    if port == 0 or parts.netloc.lower() not in (name, f"{name}:{port}"):
        raise PermanentError(
            f"{url!r} needs a host and, optionally, a port from 1 to 65535; it has something else."
        )
    if host.endswith(".") and parse_address(host[:-1]) is None:
        host = host[:-1]  # the dot is the root of all names (RFC 1034, section 3.1): the same host
    _require_host(f"[{host}]" if "[" in parts.netloc else host)
    query = f"?{parts.query}" if parts.query else ""
    return Target(parts.scheme, host, port or PORTS[parts.scheme], (parts.path or "/") + query)


def _require_host(host: str) -> None:
    """Require a name, or an address in its usual form; 2130706433, 127.1 and 0x7f.1 are neither."""
    in_brackets = host.startswith("[")
    address = parse_address(host.strip("[]") if in_brackets else host)
    if address is not None and (address.version == 6) == in_brackets:
        return
    last = host.rpartition(".")[2]
    if not NAME.fullmatch(host) or len(host) > 253 or A_NUMBER.fullmatch(last):
        raise PermanentError(f"{host!r} is neither a host name nor an address in its usual form.")
