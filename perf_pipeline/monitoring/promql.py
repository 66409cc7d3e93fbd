"""PromQL as text, from small parts. Label values are quoted here and nowhere else.

Expressions are laid out over several lines where people will read them: in rule files. Whitespace means
nothing to Prometheus.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

_UNITS_S = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def selector(metric: str, /, *, _matches: Mapping[str, str] | None = None, **labels: str) -> str:
    """``metric{label="value",...}``; ``_matches``: labels that match a regular expression."""
    matchers = [f'{label}=~"{escape(value)}"' for label, value in (_matches or {}).items()]
    matchers += [f'{label}="{escape(value)}"' for label, value in labels.items()]
    return f"{metric}{{{','.join(matchers)}}}"


def escape(value: str) -> str:
    """A label's value between double quotes."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def duration(seconds: float) -> str:
    """In one unit, the largest that fits: 60 -> ``1m``, 90 -> ``90s``."""
    whole = max(1, round(seconds))
    return next(f"{whole // size}{unit}" for unit, size in _UNITS_S if whole % size == 0)


def over(series: str, window_s: float) -> str:
    """The samples of ``series`` within the last ``window_s``."""
    return f"{series}[{duration(window_s)}]"


def steps(expression: str, window_s: float, step_s: float) -> str:
    """``expression`` at steps within the last ``window_s``."""
    return f"{expression}[{duration(window_s)}:{duration(step_s)}]"


def before(expression: str, age_s: float) -> str:
    return f"{expression} offset {duration(age_s)}"


def call(function: str, *arguments: str | float) -> str:
    """``function(a, b)``; on lines of its own when an argument is already laid out over several."""
    texts = [argument if isinstance(argument, str) else f"{argument:g}" for argument in arguments]
    return f"{function}{_bracketed(', '.join(texts))}"


def aggregate(operator: str, expression: str, *, by: Sequence[str], take: int | None = None) -> str:
    """``operator by (labels) (expression)``; ``take``: the parameter of topk and its like."""
    between = ",\n" if "\n" in expression else ", "
    inner = expression if take is None else f"{take}{between}{expression}"
    return f"{operator} by ({', '.join(by)}) {_bracketed(inner)}"


def on(*labels: str) -> str:
    return f"on ({', '.join(labels)})"


def lines(*parts: str) -> str:
    """Parts of one expression under each other: operands, and operators with what follows them."""
    return "\n".join(parts)


def grouped(expression: str) -> str:
    return _bracketed(expression)


def _bracketed(expression: str) -> str:
    if "\n" not in expression:
        return f"({expression})"
    return f"(\n{textwrap.indent(expression, '  ')}\n)"
