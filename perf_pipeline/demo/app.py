"""The reference backend as an ASGI application."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import FastAPI
from prometheus_fastapi_instrumentator import Instrumentator

from perf_pipeline.demo import database, fixtures
from perf_pipeline.demo.endpoints import API
from perf_pipeline.demo.fault_injection import FaultInjection
from perf_pipeline.demo.faults import Faults
from perf_pipeline.demo.models import Health, Version
from perf_pipeline.demo.routes import router

SERVICE = "perf-pipeline reference backend"


def create_app(*, data_dir: Path, days: int, revision: str, faults: Faults) -> FastAPI:
    """``data_dir`` must hold the market of ``days`` days already (``database.build_market``)."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with contextlib.closing(database.open_database(data_dir, days)) as connection:
            app.state.database = connection
            checkpoints = asyncio.create_task(database.checkpoint_forever(data_dir))
            # Nothing loaded so far ever becomes garbage: full collections need not walk it in a request.
            gc.collect()
            gc.freeze()
            yield
            checkpoints.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await checkpoints

    app = FastAPI(title=SERVICE, version=revision, lifespan=lifespan)
    app.include_router(router, prefix=API)

    @app.get(f"{API}/health/")
    async def health() -> Health:
        return Health(status="healthy", service=SERVICE, version=revision, environment="reference")

    @app.get("/version")
    async def version() -> Version:
        # Faults are left out on purpose: a faulty build does not know that it is one.
        return Version(
            revision=revision,
            data_volume=fixtures.data_volume(days),
            fixture_version=fixtures.FIXTURE_VERSION,
            service=SERVICE,
        )

    app.add_middleware(FaultInjection, faults=faults)
    # Added last, so outermost: the server's own metrics see the faults as a real service's would.
    Instrumentator(should_group_status_codes=False).instrument(app).expose(app, include_in_schema=False)
    return app
