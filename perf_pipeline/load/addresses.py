"""Keep k6 to the target: every address but one of the target's is blocked inside k6.

k6 only knows a list of blocked networks, so the allow-list is written as its complement. Remote write and the
progress API are not made by the script and are not affected.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network
from urllib.parse import urlsplit

from perf_pipeline.load.errors import LoadError

CONNECT_TIMEOUT_S = 3.0

_DEFAULT_PORTS = {"http": 80, "https": 443}
_EVERYTHING = (ip_network("0.0.0.0/0"), ip_network("::/0"))


def target_address(base_url: str) -> str:
    """The address of the URL's host that the whole load goes to: the first that can be connected to.

    None of them can: the first, and k6 will say so. Raises LoadError when the host has none.
    """
    addresses = target_addresses(base_url)
    if len(addresses) == 1:
        return addresses[0]
    url = urlsplit(base_url)
    port = url.port or _DEFAULT_PORTS.get(url.scheme, 80)
    return next((one for one in addresses if _listens(one, port)), addresses[0])


def target_addresses(base_url: str) -> list[str]:
    """Addresses that the URL's host has now, the system's preferred one first. Raises LoadError for none."""
    host = urlsplit(base_url).hostname
    if not host:
        raise LoadError(f"the target's URL {base_url!r} names no host: write it as http://host:port.")
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise LoadError(f"the target's host {host} has no address ({error}): check the name.") from error
    return list(dict.fromkeys(str(entry[4][0]).split("%")[0] for entry in found))


def _listens(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=CONNECT_TIMEOUT_S):
            return True
    except OSError:
        return False


def complement(addresses: Iterable[str]) -> list[str]:
    """Networks that cover every IPv4 and IPv6 address except the given ones."""
    allowed = [ip_address(address) for address in addresses]
    blocked: list[str] = []
    for everything in _EVERYTHING:
        rest: list[IPv4Network | IPv6Network] = [everything]
        for address in allowed:
            if address.version == everything.version:
                rest = _without(rest, ip_network(address))
        blocked += map(str, collapse_addresses(rest))  # type: ignore[type-var]
    return blocked


def _without(
    networks: list[IPv4Network | IPv6Network], hole: IPv4Network | IPv6Network
) -> list[IPv4Network | IPv6Network]:
    kept: list[IPv4Network | IPv6Network] = []
    for network in networks:
        if hole.subnet_of(network):  # type: ignore[arg-type]
            kept.extend(network.address_exclude(hole))  # type: ignore[arg-type]
        else:
            kept.append(network)
    return kept
