"""Deploys as GitHub records them: the newest deployment of an environment that succeeded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import httpx

from perf_pipeline.core.deploys import Observation
from perf_pipeline.deploys.asking import NoAnswerError, client, get_json, revision_text
from perf_pipeline.suite import GithubPlace

DEPLOYMENTS_LOOKED_AT = 5  # the newest ones: so many may be under way or have failed at once
STATUSES_LOOKED_AT = 10  # of a deployment, newest first: from success on there is one more, inactive
SUCCESS = "success"
_API_VERSION = "2022-11-28"


class GithubDeployments:
    """One environment of one repository. The token is read from the environment at every look."""

    def __init__(self, place: GithubPlace, environ: Mapping[str, str] = os.environ) -> None:
        self._place, self._environ = place, environ

    async def look(self) -> Observation:
        """One revision: GitHub tells what was deployed, not what replicas run. Raises NoAnswerError."""
        place = self._place
        url = f"{place.api.rstrip('/')}/repos/{place.repository}/deployments"
        newest = {"environment": place.environment, "per_page": str(DEPLOYMENTS_LOOKED_AT)}
        async with client() as asked:
            for deployment in _list(await self._get(asked, url, newest), url):
                of_it = f"{url}/{_number(deployment, url)}/statuses"
                statuses = _list(await self._get(asked, of_it, {"per_page": str(STATUSES_LOOKED_AT)}), of_it)
                if any(one.get("state") == SUCCESS for one in statuses):
                    return Observation(frozenset([revision_text(deployment.get("sha"), f"sha of {url}")]))
        raise NoAnswerError(f"{url} has no successful deployment to {place.environment} among the newest")

    async def _get(self, asked: httpx.AsyncClient, url: str, params: Mapping[str, str]) -> Any:
        headers = {"accept": "application/vnd.github+json", "x-github-api-version": _API_VERSION}
        variable = self._place.token_from_env
        if variable is not None:
            token = self._environ.get(variable)
            if not token:
                raise NoAnswerError(f"{url} is asked with the token in {variable}, which is not set")
            headers["authorization"] = f"Bearer {token}"
        return await get_json(asked, url, headers=headers, params=params)


def _list(answer: Any, url: str) -> list[dict[str, Any]]:
    if not isinstance(answer, list) or not all(isinstance(one, dict) for one in answer):
        raise NoAnswerError(f"{url} does not answer as GitHub does")
    return answer


def _number(deployment: Mapping[str, Any], url: str) -> int:
    number = deployment.get("id")
    if not isinstance(number, int):  # it becomes part of an address
        raise NoAnswerError(f"{url} does not answer as GitHub does")
    return number
