"""What is run after a deploy of a target, also where its suite file says nothing of deploys."""

from __future__ import annotations

import json
from hashlib import sha256

from perf_pipeline.core.model import Deploy
from perf_pipeline.suite import Deploys, DeploySource, Suite, Target
from perf_pipeline.suite_automation import SETTLE_S


def deploys_of(suite: Suite, target: str) -> Deploys:
    """Of a target that says nothing only markers tell, and the usual profile is run."""
    said = suite.targets[target].deploys
    return said or Deploys(source=DeploySource.MARKER, profile=suite.default_profile, settle_s=SETTLE_S)


def expected_revision(target: Target, deploy: Deploy) -> str | None:
    """What the target must say that it runs, or its run does not begin; None: it cannot be held to it."""
    tells = target.base_url is not None and target.revision is not None
    return deploy.revision if tells else None


def place_of(target: Target) -> str:
    """A short text that is another one where deploys of the target are seen in another place."""
    said = target.deploys.model_dump(exclude={"profile", "settle_s", "enabled"}) if target.deploys else {}
    text = json.dumps({"base_url": target.base_url, **said}, sort_keys=True)
    return f"{said.get('source', DeploySource.MARKER)}:{sha256(text.encode()).hexdigest()[:16]}"
