"""The ``perf-pipeline`` command: wiring only, one module per verb."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from pathlib import Path

import typer

from perf_pipeline.archive.errors import ArchiveError
from perf_pipeline.cli import (
    archive,
    backup,
    baseline,
    calibrate,
    compare,
    deploy,
    doctor,
    explain,
    generate,
    history,
    pause,
    run,
    runs,
    show,
    status,
    ui,
    upgrade,
    validate,
)
from perf_pipeline.cli.called import as_called
from perf_pipeline.cli.shared import RefusedError
from perf_pipeline.conventions import EXIT_CONFIGURATION, EXIT_INTERNAL
from perf_pipeline.core.model import Outcome
from perf_pipeline.defs.asking import ConfigurationError
from perf_pipeline.project import ProjectError
from perf_pipeline.signals import listen
from perf_pipeline.store.errors import StoreError
from perf_pipeline.suite_file import SuiteError

HELP = """Performance-regression tests for HTTP backends.

One run loads the backend with k6, records it in Prometheus, judges every endpoint against its objectives and
against earlier runs, and says what it found. Start with `perf-pipeline run`.

Exit codes of `run`: 0 passed, 2 wrong configuration, 3 regressed, 4 an objective was breached, 5 the
measurement cannot be judged, 6 not ready (nothing was sent), 130 cancelled, 1 internal error.
"""

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("runs")(runs.runs)
app.command("show")(show.show)
app.command("status")(status.status)
app.command("backup")(backup.backup)
app.command("upgrade")(upgrade.upgrade)
app.command("compare")(compare.compare)
app.add_typer(baseline.app, name="baseline")
app.add_typer(archive.app, name="archive")
app.command("history")(history.history)
app.command("calibrate")(calibrate.calibrate)
app.command("deploy")(deploy.deploy)
app.command("deploys")(deploy.deploys)
app.command("validate")(validate.validate)
app.command("doctor")(doctor.doctor)
app.command("generate")(generate.generate)
app.command("explain")(explain.explain)
app.command("pause")(pause.pause)
app.command("resume")(pause.resume)
app.command("ui")(ui.ui)


def main() -> None:
    """Entry point; turns every known refusal into its sentence and exit code."""
    listen()
    try:
        app()
    except SuiteError as error:
        _end("\n".join(error.problems), EXIT_CONFIGURATION)
    except (RefusedError, ConfigurationError, ProjectError, StoreError, ArchiveError) as error:
        _end(str(error), EXIT_CONFIGURATION)
    except KeyboardInterrupt:
        _end("cancelled", Outcome.CANCELLED.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader (head, less) has gone
        sys.exit(EXIT_INTERNAL)
    except Exception as error:
        with tempfile.NamedTemporaryFile("w", prefix="perf-pipeline-", suffix=".txt", delete=False) as file:
            traceback.print_exc(file=file)
        _end(
            f"internal error: {type(error).__name__}: {error}; please report it with {Path(file.name)}",
            EXIT_INTERNAL,
        )


def _end(sentence: str, code: int) -> None:
    print(f"perf-pipeline: {as_called(sentence)}", file=sys.stderr)
    sys.exit(code)
