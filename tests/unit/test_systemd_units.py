"""The systemd units agree with each other, with the workspace beside them, and with systemd itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from perf_pipeline import conventions as names

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
HARDENING = ("NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "CapabilityBoundingSet=")


def lines(unit: Path) -> list[str]:
    return unit.read_text().splitlines()


def command(unit: str) -> str:
    (found,) = [one for one in lines(FOLDER / f"{unit}.service") if one.startswith("ExecStart=")]
    return found


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
class TestEachUnit:
    def test_may_write_to_its_state_folder_only(self, unit: Path) -> None:
        said = lines(unit)
        assert all(one in said for one in HARDENING)
        assert [one for one in said if one.startswith("ReadWritePaths=")] == [
            "ReadWritePaths=/var/lib/perf-pipeline"
        ]

    def test_has_its_secrets_from_a_file_that_need_not_be_there(self, unit: Path) -> None:
        assert "EnvironmentFile=-/etc/perf-pipeline/environment" in lines(unit)
        assert not any(one.startswith("Environment=") for one in lines(unit))

    @pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
    def test_is_understood_by_systemd(self, unit: Path, tmp_path: Path) -> None:
        """With the programs of this environment in place of those of a server."""
        for one in UNITS:
            text = one.read_text().replace("/opt/perf-pipeline/.venv/bin", str(Path(sys.executable).parent))
            (tmp_path / one.name).write_text(text)
        verify = ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit.name)]
        said = subprocess.run(verify, check=False, capture_output=True, text=True, timeout=60)
        assert [line for line in said.stderr.splitlines() if "perf-pipeline" in line] == []


class TestTheParts:
    def test_meet_at_one_socket(self) -> None:
        workspace = YAML(typ="safe").load(FOLDER / "workspace.yaml")
        socket = workspace["load_from"][0]["grpc_server"]["socket"]
        assert f"--socket {socket}" in command("perf-pipeline-code")
        assert all(
            "deploy/systemd/workspace.yaml" in command(f"perf-pipeline-{one}")
            for one in ("daemon", "webserver")
        )

    def test_show_their_page_to_this_machine_only(self) -> None:
        assert "-h 127.0.0.1" in command("perf-pipeline-webserver")

    def test_end_their_runs_before_the_server_that_started_them(self) -> None:
        code = lines(FOLDER / "perf-pipeline-code.service")
        assert "ExecStop=-/usr/bin/pkill --signal TERM --parent $MAINPID" in code
        assert "KillMode=mixed" in code

    def test_name_folders_by_variables_that_there_are(self) -> None:
        known = {value for name, value in vars(names).items() if name.startswith("ENV_")} | {"DAGSTER_HOME"}
        said = [one for one in (FOLDER / "folders.env").read_text().splitlines() if not one.startswith("#")]
        example = (FOLDER / "environment.example").read_text().splitlines()
        said += [one.removeprefix("#") for one in example if one.startswith("#PERF_")]
        assert {one.partition("=")[0] for one in said} <= known
