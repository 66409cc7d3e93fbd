"""The table of ``deploys``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.text import Text

from perf_pipeline.report.terminal_lists import ID, short
from perf_pipeline.report.terminal_parts import Hanging, columns, headline, print_parts
from perf_pipeline.store.repository import StoredDeploy

NUMBER = 5  # columns of a deploy's number, and where the reasons below hang


def print_deploys(deploys: Sequence[StoredDeploy], *, console: Console | None = None) -> None:
    """A table for each target, and below it why each deploy is what it is; in the order given."""
    places: dict[tuple[str, str], list[StoredDeploy]] = {}
    for one in deploys:
        places.setdefault((one.suite, one.target), []).append(one)
    print_parts((part for place, found in places.items() for part in _of_target(*place, found)), console)


def _of_target(suite: str, target: str, deploys: Sequence[StoredDeploy]) -> Iterable[RenderableType]:
    yield headline(f"{suite} on {target}", "newest first")
    table = columns(">", "seen (UTC)", "revision", "before it", "source", "state", "run", "note")
    for one in deploys:
        table.add_row(
            f"{one.number:{NUMBER - 2}}",
            one.seen_at.strftime("%Y-%m-%d %H:%M"),
            Text(short(one.revision)),
            Text(short(one.previous_revision or "unknown")),
            one.source,
            one.state.value,
            (one.run_id or "")[:ID],
            Text(one.note),
        )
    yield table
    for one in deploys:
        yield Hanging(f"{one.number:{NUMBER - 2}}", one.sentence, indent=NUMBER)
    yield Text()
