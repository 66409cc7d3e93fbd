"""Origins: the scheme, host and port of a URL, which say whom a request goes to. Pure.

What is allowed is compared origin by origin, before the stack starts and again before the load; both sides
must be spelt the one way that ``origin`` spells them.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine by its loopback address or its usual name."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def origin(url: str) -> str:
    """Scheme, host and port of an origin in one spelling: ``HTTP://Host/`` -> ``http://host:80``.

    Raises ValueError with one sentence when it is more than an origin, or carries a user or a password.
    """
    parts = urlsplit(url.strip())
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL must not carry a user or a password: use headers_from_env")
    if parts.scheme.lower() not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"{url!r} is not an origin such as https://staging.example.org")
    if parts.path not in ("", "/") or parts.query or parts.fragment or "?" in url or "#" in url:
        raise ValueError(f"{url!r} must be an origin only: scheme, host and port, no path")
    try:
        port = DEFAULT_PORTS[parts.scheme.lower()] if parts.port is None else parts.port
    except ValueError:
        raise ValueError(f"{url!r} has no valid port") from None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme.lower()}://{host}:{port}"
