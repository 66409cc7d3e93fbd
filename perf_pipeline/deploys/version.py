"""Deploys as the target itself tells them: the revision in a version or health endpoint."""

from __future__ import annotations

import asyncio

from perf_pipeline.core.deploys import Observation
from perf_pipeline.deploys.asking import NoAnswerError, client, get_json, revision_text
from perf_pipeline.stack.base import NotReady
from perf_pipeline.stack.target import resolve_pointer, secret_headers
from perf_pipeline.suite import JsonPlace, Target

ASKS = 4  # at once, each on a connection of its own: of two replicas one is missed in one look of eight


class VersionEndpoint:
    """One target's."""

    def __init__(self, target: Target, place: JsonPlace) -> None:
        self._target, self._place = target, place

    async def look(self) -> Observation:
        """What all answers together say. Raises NoAnswerError when one of them says nothing."""
        url = (self._target.base_url or "").rstrip("/") + self._place.path
        try:
            headers = secret_headers(self._target)
        except NotReady as error:
            raise NoAnswerError(error.sentence) from None
        async with client() as asked, asyncio.TaskGroup() as group:
            tasks = [group.create_task(get_json(asked, url, headers=headers)) for _ in range(ASKS)]
        return Observation(frozenset(self._revision(task.result(), url) for task in tasks))

    def _revision(self, answer: object, url: str) -> str:
        pointer = self._place.pointer
        try:
            found = resolve_pointer(answer, pointer)
        except (LookupError, ValueError):
            raise NoAnswerError(f"{url} answers without a value at {pointer}") from None
        return revision_text(found, f"{pointer} of {url}")
