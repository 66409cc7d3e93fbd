"""Reading a YAML tree strictly: every key is known, every value has a line, every problem is kept.

Works on ruamel.yaml's node tree and not on loaded values, because only there a scalar is still what the
author wrote (``300``, not an int without a unit) and a repeated key is still there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, overload

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from perf_pipeline.suite_units import Kind, did_you_mean

T = TypeVar("T")
_NULL = "tag:yaml.org,2002:null"


class _Required:
    """Default of a value that must be there."""


_REQUIRED = _Required()


def line_of(node: Node | None) -> int:
    """Counted from 1."""
    return 1 if node is None else int(node.start_mark.line) + 1


def _describe(node: Node) -> str:
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    return f"'{node.value}'" if node.value and node.tag != _NULL else "empty"


@dataclass
class Problems:
    """What is wrong with one file, in the order in which it was found."""

    file: str
    found: list[tuple[int, str, str]] = field(default_factory=list)

    def add(self, line: int, where: str, sentence: str) -> None:
        self.found.append((line, where, sentence))

    def none_in(self, where: str) -> bool:
        """Nothing is wrong at ``where`` or below, so that a second check there makes sense."""
        return not any(
            not where or place == where or place.startswith((f"{where}.", f"{where}["))
            for _, place, _ in self.found
        )

    def sentences(self) -> list[str]:
        return [
            f"{self.file}:{line}: {where}: {sentence}" if where else f"{self.file}:{line}: {sentence}"
            for line, where, sentence in sorted(self.found, key=lambda problem: problem[0])
        ]


def read_scalar(node: Node, line: int, where: str, kind: Kind[T], problems: Problems) -> T:
    if not isinstance(node, ScalarNode) or (node.tag == _NULL and node.style is None):
        problems.add(line, where, f"is {_describe(node)}; write for example {kind.example}")
        return kind.placeholder
    try:
        return kind.parse(str(node.value).strip())
    except ValueError as error:
        problems.add(line, where, str(error))
        return kind.placeholder


class Section:
    """A mapping of the file, with the place of everything in it.

    ``keys``: the known ones; a Kind instead: any that it accepts. A section without a node is absent: its
    values are their defaults, and what it lacks has been said already where it should have been.
    """

    def __init__(
        self,
        node: Node | None,
        where: str,
        problems: Problems,
        *,
        keys: Sequence[str] | Kind[str],
        line: int | None = None,
    ) -> None:
        self.absent = node is None
        self.where = where
        self.line = line or line_of(node)  # that of its key, where there is one
        self._problems = problems
        self._values: dict[str, tuple[int, Node]] = {}  # key -> its line, its value
        if node is None:
            return
        if not isinstance(node, MappingNode):
            advice = "of names" if isinstance(keys, Kind) else f"with {', '.join(keys)}"
            self.problem(f"is {_describe(node)}; write a mapping {advice}")
            self.absent = True
            return
        for key_node, value_node in node.value:
            self._take(key_node, value_node, keys)

    def _take(self, key_node: Node, value_node: Node, keys: Sequence[str] | Kind[str]) -> None:
        line = line_of(key_node)
        if not isinstance(key_node, ScalarNode):
            self._problems.add(line, self.where, f"has {_describe(key_node)} as a key; write a word")
            return
        key = str(key_node.value)
        if key in self._values:
            first = self._values[key][0]
            self._problems.add(
                line, self.place(key), f"appears twice; the first is on line {first}, keep one of them"
            )
            return
        if isinstance(keys, Kind):
            read_scalar(key_node, line, self.where, keys, self._problems)
        elif key not in keys:
            self._problems.add(line, self.where, f"unknown key '{key}'{did_you_mean(key, keys)}")
            return
        self._values[key] = (line, value_node)

    def place(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def problem(self, sentence: str, key: str | None = None) -> None:
        """Something is wrong with this section, or with the value of ``key`` in it."""
        if key is None:
            self._problems.add(self.line, self.where, sentence)
        else:
            line = self._values[key][0] if key in self._values else self.line
            self._problems.add(line, self.place(key), sentence)

    @property
    def sound(self) -> bool:
        return self._problems.none_in(self.where)

    @overload
    def value(self, key: str, kind: Kind[T]) -> T: ...
    @overload
    def value(self, key: str, kind: Kind[T], default: T) -> T: ...
    @overload
    def value(self, key: str, kind: Kind[T], default: None) -> T | None: ...
    def value(self, key: str, kind: Kind[T], default: T | _Required | None = _REQUIRED) -> T | None:
        """The value of ``key``; a problem is noted and a placeholder returned when it is missing or wrong."""
        if key not in self._values:
            if not isinstance(default, _Required):
                return default
            if not self.absent:
                self.missing(key, f"{key}: {kind.example}")
            return kind.placeholder
        line, node = self._values[key]
        return read_scalar(node, line, self.place(key), kind, self._problems)

    def missing(self, key: str, example: str) -> None:
        self.problem(f"'{key}' is missing; add for example '{example}'")

    def section(self, key: str, *, keys: Sequence[str] | Kind[str], example: str | None = None) -> Section:
        """The mapping under ``key``; absent when it is missing, which is a problem if there is an example."""
        if key not in self._values and example is not None and not self.absent:
            self.missing(key, example)
        line, node = self._values.get(key, (self.line, None))
        return Section(node, self.place(key), self._problems, keys=keys, line=line)

    def sections(self, *, keys: Sequence[str]) -> Iterator[tuple[str, Section]]:
        """Name -> mapping, for a section whose keys are names."""
        for name, (line, node) in self._values.items():
            yield name, Section(node, self.place(name), self._problems, keys=keys, line=line)

    def scalars(self, key: str, kind: Kind[T]) -> list[T]:
        """The list of values under ``key``; empty when it is missing."""
        return [
            read_scalar(node, line_of(node), where, kind, self._problems) for node, where in self._items(key)
        ]

    def list_of_sections(self, key: str, *, keys: Sequence[str]) -> list[Section]:
        return [Section(node, where, self._problems, keys=keys) for node, where in self._items(key)]

    def names(self) -> list[str]:
        return list(self._values)

    def _items(self, key: str) -> list[tuple[Node, str]]:
        if key not in self._values:
            return []
        node = self._values[key][1]
        if not isinstance(node, SequenceNode):
            self.problem(f"is {_describe(node)}; write a list", key)
            return []
        return [(item, f"{self.place(key)}[{number}]") for number, item in enumerate(node.value)]
