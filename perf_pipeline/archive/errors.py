"""What can go wrong with archives; every text is one sentence that says what to do."""

from __future__ import annotations


class ArchiveError(Exception):
    """An archive cannot be read, written or found."""


class PlaceError(ArchiveError):
    """The place where archives are kept does not take or give anything: full, unreachable, not allowed.

    Trying the next run would fail in the same way.
    """


class OccupiedError(ArchiveError):
    """Another process or host is writing there. Nothing is wrong: it is done another time."""


class OtherStoreError(ArchiveError):
    """What is kept at the place belongs to another store."""


class MissingError(ArchiveError):
    """There is no such file at the place."""


class SourceError(ArchiveError):
    """A file of the run's folder cannot be read; the place may be well."""


class StoppedError(ArchiveError):
    """Writing was given up because the caller said so; nothing of it is left that counts."""


def refuse_other_schema(found: tuple[object, object], wanted: tuple[str, int], where: str) -> None:
    """``found``, ``wanted``: a schema's name and version. Raises ArchiveError where they differ."""
    if found != wanted:
        raise ArchiveError(
            f"{where} is {found[0]} version {found[1]}, this program reads {wanted[0]} version {wanted[1]}: "
            "use the perf-pipeline that wrote it."
        )
