"""The words of an alert: Go templates that Prometheus fills when it fires, asking itself for the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from perf_pipeline import conventions as names
from perf_pipeline.monitoring.promql import selector

_PLACE = "%q"  # Go's printf writes a quoted string here, which is PromQL's as well


def label(name: str) -> str:
    return f"{{{{ $labels.{name} }}}}"


@dataclass(frozen=True)
class Question:
    """PromQL about the alert's own labels.

    ``expr``: made by ``ask``; ``arguments``: what fills its places, in their order.
    """

    expr: str
    arguments: Sequence[str]

    def number(self, form: str = "%.0f", otherwise: str = "unknown") -> str:
        """The value of the first answer."""
        value = f'{{{{ . | first | value | printf "{form}" }}}}'
        return f"{{{{ with {self._asked()} }}}}{value}{{{{ else }}}}{otherwise}{{{{ end }}}}"

    def percent(self, otherwise: str = "unknown") -> str:
        value = "{{ . | first | value | humanizePercentage }}"
        return f"{{{{ with {self._asked()} }}}}{value}{{{{ else }}}}{otherwise}{{{{ end }}}}"

    def each(self, text: str, otherwise: str) -> str:
        """``text`` for every answer, by endpoint; within, ``.Labels`` are the answer's."""
        asked = f'{self._asked()} | sortByLabel "{names.TAG_ENDPOINT}"'
        return f"{{{{ range {asked} }}}}{text}{{{{ else }}}}{otherwise}{{{{ end }}}}"

    def _asked(self) -> str:
        return f"printf `{self.expr}` {' '.join(self.arguments)} | query"


@dataclass(frozen=True)
class Asked:
    """Asks about series that carry the given labels of the alert.

    ``own``: labels whose value is the alert's; ``of_answer``: whose value is that of the answer around it.
    """

    own: Sequence[str]
    of_answer: Sequence[str] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)

    def series(self, metric: str, **more: str) -> str:
        places = dict.fromkeys((*self.own, *self.of_answer), _PLACE)
        text = selector(metric, _matches=None, **places, **self.fixed, **more)
        return text.replace(f'"{_PLACE}"', _PLACE)

    def ask(self, expr: str) -> Question:
        """``expr`` must hold one ``series``: its places are filled once."""
        arguments = [f"$labels.{name}" for name in self.own] + [f".Labels.{name}" for name in self.of_answer]
        return Question(expr, arguments)
