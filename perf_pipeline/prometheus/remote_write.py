"""Writes a few samples into Prometheus by remote write 1.0.

The protocol is one POST of a protobuf message, compressed by snappy. Both are written by hand below: the
one maintained client brings grpcio-tools and python-snappy for what takes forty lines. Snappy's block format
allows a block that is not compressed at all, only framed: our few kilobytes are sent so.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import httpx

from perf_pipeline.core.run_samples import SeriesSample
from perf_pipeline.prometheus.errors import RemoteWriteError, TooLateError

# Written while a load runs, by the thread that watches it: better given up than waited for.
TIMEOUT = httpx.Timeout(2.0, connect=1.0)
HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
    "User-Agent": "perf-pipeline",
}

_NAME = "__name__"
_STALE_NAN = struct.pack("<Q", 0x7FF0000000000002)  # the bits of Prometheus' staleness marker
_LONGEST_LITERAL = 1 << 16
_LITERAL_OF_TWO_BYTES_LENGTH = 61 << 2
# What Prometheus says (400) of samples that it holds already, or that are older than it still takes.
_TOO_LATE = ("duplicate sample", "out of order", "out of bounds", "too old")


def write_samples(url: str, samples: Sequence[SeriesSample]) -> None:
    """Write to the Prometheus at ``url``. Raises RemoteWriteError."""
    if not samples:
        return
    url = url.rstrip("/")
    try:
        # trust_env off: a proxy of the environment has no business between us and Prometheus.
        with httpx.Client(timeout=TIMEOUT, trust_env=False) as client:
            answer = client.post(f"{url}/api/v1/write", content=snappy(encode(samples)), headers=HEADERS)
    except httpx.HTTPError as error:
        said = str(error) or type(error).__name__
        raise RemoteWriteError(f"Prometheus at {url} took no samples of the run ({said}).") from None
    if answer.is_success:
        return
    said = " ".join(answer.text.split())[:200]
    if answer.status_code == httpx.codes.BAD_REQUEST and any(word in said for word in _TOO_LATE):
        raise TooLateError(f"Prometheus at {url} takes no samples of these moments any more ({said}).")
    raise RemoteWriteError(
        f"Prometheus at {url} refused the samples of the run (status {answer.status_code}: {said})."
    )


def encode(samples: Sequence[SeriesSample]) -> bytes:
    """The message ``prometheus.WriteRequest``, one TimeSeries per sample."""
    return b"".join(_field(1, _time_series(one)) for one in samples)


def _time_series(sample: SeriesSample) -> bytes:
    labels = sorted({_NAME: sample.metric, **sample.labels}.items())  # Prometheus wants them sorted
    value = _STALE_NAN if sample.value is None else struct.pack("<d", sample.value)
    # A double (wire type 1) and an int64 (wire type 0).
    point = b"\x09" + value + b"\x10" + _varint(sample.unix_ms)
    return b"".join(_field(1, _label(*label)) for label in labels) + _field(2, point)


def _label(name: str, value: str) -> bytes:
    return _field(1, name.encode()) + _field(2, value.encode())


def _field(number: int, content: bytes) -> bytes:
    """A field of wire type 2: text or a message, after its length."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def snappy(content: bytes) -> bytes:
    """Snappy's block format, with everything a literal."""
    blocks = [content[at : at + _LONGEST_LITERAL] for at in range(0, len(content), _LONGEST_LITERAL)]
    tag = bytes([_LITERAL_OF_TWO_BYTES_LENGTH])
    return _varint(len(content)) + b"".join(
        tag + struct.pack("<H", len(block) - 1) + block for block in blocks
    )
