"""The store: everything the pipeline remembers about runs, results and baselines.

``Store(url)`` opens ``sqlite:///path/to/store.sqlite`` or ``postgresql://user:password@host/database``,
creates or migrates the tables, and may be used by several threads. Every method is one transaction,
takes the time from its caller as an aware datetime, returns values, and raises StoreError with one sentence.
"""

from __future__ import annotations

from perf_pipeline.store.archives import Archives
from perf_pipeline.store.baseline_reads import BaselineReads
from perf_pipeline.store.baseline_writes import BaselineWrites
from perf_pipeline.store.deploys import Deploys
from perf_pipeline.store.errors import BusyError, StoreError
from perf_pipeline.store.lost_runs import LostRuns
from perf_pipeline.store.notices import Notices
from perf_pipeline.store.pauses import Pauses
from perf_pipeline.store.rows import Rows
from perf_pipeline.store.runs import RunStore
from perf_pipeline.store.series import SeriesReads
from perf_pipeline.store.values import (
    BaselineMember,
    EndpointPoint,
    Notice,
    Pause,
    Promotion,
    StoredBaseline,
    StoredDeploy,
    StoredRun,
)

__all__ = [
    "BaselineMember",
    "BusyError",
    "EndpointPoint",
    "Notice",
    "Pause",
    "Promotion",
    "Store",
    "StoreError",
    "StoredBaseline",
    "StoredDeploy",
    "StoredRun",
]


class Store(
    RunStore, LostRuns, SeriesReads, BaselineReads, BaselineWrites, Archives, Rows, Notices, Pauses, Deploys
):
    """Use as a context manager, or call ``close()``."""
