"""JSON with the line of every object, which ``json`` itself does not tell."""

from __future__ import annotations

import json
from json import decoder, scanner
from typing import Any

LINE = "line of this object"  # the key under which an object has its line, counted from 1


class _LocatingDecoder(json.JSONDecoder):
    def __init__(self) -> None:
        super().__init__()
        # The scanner in Python: that in C parses objects without asking anybody.
        self.parse_object = self._object
        self.scan_once = scanner.py_make_scanner(self)  # type: ignore[attr-defined]

    def _object(self, text_and_end: tuple[str, int], *more: Any) -> tuple[dict[str, Any], int]:
        text, end = text_and_end
        found, after = decoder.JSONObject(text_and_end, *more)  # type: ignore[attr-defined]
        return {**found, LINE: text.count("\n", 0, end) + 1}, after


def located(text: str) -> dict[str, Any]:
    """The document, an object; every object in it has one key more, ``LINE``."""
    document: dict[str, Any] = _LocatingDecoder().decode(text)
    return document
