"""What goes over the wire, read back byte by byte by a reader that shares nothing with the writer."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import httpx
import pytest

from perf_pipeline.core.run_samples import SeriesSample
from perf_pipeline.prometheus import remote_write
from perf_pipeline.prometheus.errors import RemoteWriteError, TooLateError
from perf_pipeline.prometheus.remote_write import write_samples

AT = 1_764_000_000_123


def sample(value: float | None = 1.5, metric: str = "perf_run_requests", **labels: str) -> SeriesSample:
    return SeriesSample(metric=metric, labels=labels, value=value, unix_ms=AT)


def varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Field number and content of a protobuf message."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            number, at = varint(data, at)
            yield key >> 3, number
            continue
        length, at = (8, at) if key & 7 == 1 else varint(data, at)
        assert key & 7 in (1, 2)
        yield key >> 3, data[at : at + length]
        at += length


def message(data: bytes) -> list[tuple[list[tuple[str, str]], bytes, int]]:
    """Labels, the value's eight bytes and the time of each series of a WriteRequest with one sample each."""
    found = []
    for number, series in fields(data):
        assert number == 1
        parts = list(fields(bytes(series)))
        labels = [
            tuple(bytes(text).decode() for _, text in fields(bytes(label))) for n, label in parts if n == 1
        ]
        (point,) = [dict(fields(bytes(content))) for n, content in parts if n == 2]
        found.append((labels, point[1], point[2]))
    return found


def unsnappy(data: bytes) -> bytes:
    """Snappy's block format as far as it is used: literals with a length of two bytes."""
    length, at = varint(data, 0)
    out = b""
    while at < len(data):
        assert data[at] == 0xF4
        size = struct.unpack_from("<H", data, at + 1)[0] + 1
        out += data[at + 3 : at + 3 + size]
        at += 3 + size
    assert len(out) == length
    return out


class TestTheMessage:
    def test_has_the_sample_with_its_labels_sorted(self) -> None:
        ((labels, value, at),) = message(remote_write.encode([sample(2.25, suite="shop", endpoint="größe")]))
        assert labels == [("__name__", "perf_run_requests"), ("endpoint", "größe"), ("suite", "shop")]
        assert struct.unpack("<d", value) == (2.25,)
        assert at == AT

    def test_has_the_marker_that_ends_a_series(self) -> None:
        ((_, value, _),) = message(remote_write.encode([sample(None)]))
        assert value == bytes.fromhex("02000000 0000f07f")

    def test_has_as_many_series_as_samples(self) -> None:
        many = [sample(number, endpoint=f"e{number}") for number in range(300)]
        assert [struct.unpack("<d", value)[0] for _, value, _ in message(remote_write.encode(many))] == [
            *map(float, range(300))
        ]

    @pytest.mark.parametrize("size", [0, 1, 60, 65_535, 65_536, 65_537, 200_000])
    def test_is_framed_as_snappy_whatever_its_size(self, size: int) -> None:
        content = bytes(number % 251 for number in range(size))
        assert unsnappy(remote_write.snappy(content)) == content


class TestAPrometheusThatTakesNothing:
    @pytest.fixture
    def answering(self, monkeypatch: pytest.MonkeyPatch) -> list[httpx.Response | Exception]:
        answers: list[httpx.Response | Exception] = []

        def handle(_: httpx.Request) -> httpx.Response:
            if isinstance(answers[0], Exception):
                raise answers[0]
            return answers[0]

        real = httpx.Client

        def client(**given: object) -> httpx.Client:
            return real(transport=httpx.MockTransport(handle), **given)

        monkeypatch.setattr(httpx, "Client", client)
        return answers

    def test_is_named_in_one_sentence(self, answering: list[httpx.Response | Exception]) -> None:
        answering.append(httpx.Response(404, text="remote write receiver needs to be enabled\n with"))
        with pytest.raises(RemoteWriteError) as refused:
            write_samples("http://prometheus:9090/", [sample()])
        assert str(refused.value) == (
            "Prometheus at http://prometheus:9090 refused the samples of the run"
            " (status 404: remote write receiver needs to be enabled with)."
        )

    def test_may_not_be_there_at_all(self, answering: list[httpx.Response | Exception]) -> None:
        answering.append(httpx.ConnectError("connection refused"))
        with pytest.raises(RemoteWriteError, match=r"took no samples of the run \(connection refused\)"):
            write_samples("http://prometheus:9090", [sample()])

    @pytest.mark.parametrize(
        "said", ["duplicate sample for timestamp", "out of order sample", "out of bounds", "too old sample"]
    )
    def test_because_it_is_too_late(self, answering: list[httpx.Response | Exception], said: str) -> None:
        answering.append(httpx.Response(400, text=f"{said}\n"))
        with pytest.raises(TooLateError, match=said):
            write_samples("http://prometheus:9090", [sample()])

    def test_is_not_asked_when_there_is_nothing_to_say(self) -> None:
        write_samples("http://127.0.0.1:9", [])
