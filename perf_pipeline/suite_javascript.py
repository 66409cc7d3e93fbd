"""JavaScript read as far as is needed to find calls: what is code, what is text, what is comment.

No parser: one pass over the source that knows comments, texts, templates and regular expressions. A ``/``
begins a regular expression unless a value stands before it; that is wrong only right after a closing brace,
where nobody begins a line with one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_CALL = re.compile(r"(?P<declared>\bfunction\s+)?\bperform\s*\(\s*")
_ARGUMENT_END = re.compile(r"\s*[,)]")
_INTERESTING = re.compile(r"//|/\*|[/'\"`{}]")
_COMMENT_END = {"//": re.compile(r"(?=\n)|\Z"), "/*": re.compile(r"\*/|\Z")}
_TEXT_END = {
    "'": re.compile(r"(?:[^'\\\n]|\\.)*(?:'|(?=\n)|\Z)", re.DOTALL),
    '"': re.compile(r'(?:[^"\\\n]|\\.)*(?:"|(?=\n)|\Z)', re.DOTALL),
}
_TEMPLATE_PIECE = re.compile(r"(?:[^`\\$]|\\.|\$(?!\{))*(?P<end>`|\$\{|\Z)", re.DOTALL)
_REGULAR_EXPRESSION = re.compile(r"/(?:\\.|\[(?:\\.|[^\]\\\n]){0,500}\]|[^/\\\[\n]){1,500}/")  # bounded work
_VALUE_BEFORE = re.compile(r"[\w$)\]}]\s*\Z")
_WORD_BEFORE = re.compile(r"\b(?:return|typeof|case|of|in|do|else|void|yield|await|throw|delete|new)\s*\Z")
_LOOK_BACK = 40


@dataclass(frozen=True)
class Call:
    """One ``perform(...)``. ``endpoint`` None: its first argument is no plain text, so it may be any."""

    line: int
    endpoint: str | None


def calls_of_perform(source: str) -> list[Call]:
    """Every call in the code, in order; what stands in comments, texts and regular expressions is none."""
    reader = _Reader(source)
    reader.read()
    code = "".join(reader.code)
    found = []
    for call in _CALL.finditer(code):
        if call["declared"]:
            continue
        text, end = reader.texts.get(call.end(), (None, call.end()))
        if text is not None and not _ARGUMENT_END.match(code, end):
            text = None  # only a part of the argument
        found.append(Call(line=source.count("\n", 0, call.start()) + 1, endpoint=text))
    return found


@dataclass
class _Reader:
    """Goes through the source once.

    ``code``: the source with all that is no code blanked out, every character at its old place, but for a
    ``_`` where a text begins; ``texts``: where a text begins -> its content, and the place after it.
    """

    source: str
    code: list[str] = field(default_factory=list)
    texts: dict[int, tuple[str, int]] = field(default_factory=dict)

    def read(self) -> None:
        place = 0
        placeholders: list[int] = []  # of the templates that are open: how many braces are open in each
        while token := _INTERESTING.search(self.source, place):
            self.code += self.source[place : token.start()]
            place, kind = token.start(), token.group()
            if kind in _COMMENT_END:
                place = self._blank(place, _end(_COMMENT_END[kind], self.source, token.end()))
            elif kind in _TEXT_END:
                place = self._text(place, _end(_TEXT_END[kind], self.source, token.end()))
            elif kind == "/" and self._regular_expression_may_begin():
                regex = _REGULAR_EXPRESSION.match(self.source, place)
                place = self._text(place, regex.end()) if regex else self._keep(place)
            elif kind == "`" or (kind == "}" and placeholders and placeholders[-1] == 0):
                place = self._template(place, placeholders)
            else:
                if placeholders:
                    placeholders[-1] += {"{": 1, "}": -1}.get(kind, 0)
                place = self._keep(place)
        self.code += self.source[place:]

    def _template(self, place: int, placeholders: list[int]) -> int:
        """A template from its begin, or from the end of a placeholder, to its end or the next placeholder."""
        begins = self.source[place] == "`"
        if not begins:
            placeholders.pop()
        piece = _TEMPLATE_PIECE.match(self.source, place + 1)
        assert piece is not None  # noqa: S101 - it matches the empty text
        if piece["end"] == "${":
            placeholders.append(0)
        if begins and piece["end"] == "`":
            return self._text(place, piece.end())
        self.code.append("_" if begins else " ")
        return self._blank(place + 1, piece.end())

    def _text(self, start: int, end: int) -> int:
        self.texts[start] = (self.source[start + 1 : end - 1], end)
        self.code.append("_")
        return self._blank(start + 1, end)

    def _blank(self, start: int, end: int) -> int:
        self.code += re.sub(r"[^\n]", " ", self.source[start:end])
        return end

    def _keep(self, place: int) -> int:
        self.code.append(self.source[place])
        return place + 1

    def _regular_expression_may_begin(self) -> bool:
        before = "".join(self.code[-_LOOK_BACK:])
        return not _VALUE_BEFORE.search(before) or _WORD_BEFORE.search(before) is not None


def _end(pattern: re.Pattern[str], source: str, place: int) -> int:
    found = pattern.search(source, place)
    return found.end() if found else len(source)
