"""What is run after a deploy of a target, also where its suite file says nothing of deploys."""

from __future__ import annotations

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
