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


def lines(unit: Path) -> list[str]:
    return unit.read_text().splitlines()


def command(unit: str) -> str:
    (found,) = [one for one in lines(FOLDER / f"{unit}.service") if one.startswith("ExecStart=")]
    return found


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
class TestEachUnit:
    def test_names_no_secret_and_reads_what_the_command_beside_it_reads(self, unit: Path) -> None:
        files = [
            one.partition("=")[2].lstrip("-") for one in lines(unit) if one.startswith("EnvironmentFile=")
        ]
        said = (FOLDER / "perf-pipeline").read_text()
        assert files == ["/opt/perf-pipeline/deploy/systemd/folders.env", "/etc/perf-pipeline/environment"]
        assert all(f"read_environment {one.removeprefix('/opt/perf-pipeline/')}" in said for one in files)
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

    def test_name_folders_by_variables_that_there_are(self) -> None:
        known = {value for name, value in vars(names).items() if name.startswith("ENV_")} | {"DAGSTER_HOME"}
        said = [one for one in (FOLDER / "folders.env").read_text().splitlines() if not one.startswith("#")]
        example = (FOLDER / "environment.example").read_text().splitlines()
        said += [one.removeprefix("#") for one in example if one.startswith("#PERF_")]
        assert {one.partition("=")[0] for one in said} <= known


NASTY = r"""
# a comment
; another one

PERF_PIPELINE_STORE_URL=postgresql://perf:p&ss$HOME`id`(1);|<>*#!~%27@127.0.0.1/perf?sslmode=require&x=$(id)
  STAGING_TOKEN=  abc  def#1
EMPTY=
LAST=a=b"""
AS_SYSTEMD_READS_IT = {  # systemd.exec(5), EnvironmentFile=
    "PERF_PIPELINE_STORE_URL": "postgresql://perf:p&ss$HOME`id`(1);|<>*#!~%27@127.0.0.1/perf?sslmode=require"
    "&x=$(id)",
    "STAGING_TOKEN": "abc  def#1",
    "EMPTY": "",
    "LAST": "a=b",
}


class TestTheCommandOfAServer:
    def test_reads_a_nasty_environment_as_systemd_does_and_evaluates_nothing(self, tmp_path: Path) -> None:
        said = installed(tmp_path, NASTY)
        assert said.returncode == 0, said.stderr
        seen = dict(one.split("=", 1) for one in said.stdout.split("\0") if "=" in one)
        assert {name: seen.get(name) for name in AS_SYSTEMD_READS_IT} == AS_SYSTEMD_READS_IT
        assert seen["PERF_PIPELINE_HOME"] == "/var/lib/perf-pipeline"

    @pytest.mark.parametrize("line", ["TOKEN='a b'", 'TOKEN="a"', "TOKEN=a\\b", "TO KEN=a", "export TOKEN=a"])
    def test_refuses_what_the_two_would_read_differently(self, tmp_path: Path, line: str) -> None:
        said = installed(tmp_path, line)
        assert (said.returncode, said.stdout) == (2, "")
        assert "NAME=value" in said.stderr
        assert len(said.stderr.splitlines()) == 1


def installed(folder: Path, environment: str) -> subprocess.CompletedProcess[str]:
    """What the command of a server sees, installed in a folder; it is called as the service's user."""
    opt, etc, path = folder / "opt", folder / "environment", folder / "bin"
    (opt / ".venv" / "bin").mkdir(parents=True)
    (opt / "deploy" / "systemd").mkdir(parents=True)
    path.mkdir()
    shutil.copy(FOLDER / "folders.env", opt / "deploy" / "systemd")
    etc.write_text(environment)
    text = (FOLDER / "perf-pipeline").read_text()
    text = text.replace("/opt/perf-pipeline", str(opt)).replace("/etc/perf-pipeline/environment", str(etc))
    for file, content in (
        (folder / "perf-pipeline", text),
        (opt / ".venv" / "bin" / "perf-pipeline", "#!/bin/sh\nexec env -0\n"),
        (path / "id", "#!/bin/sh\necho perf-pipeline\n"),
    ):
        file.write_text(content)
        file.chmod(0o755)
    return subprocess.run(
        [folder / "perf-pipeline", "status"],
        env={"PATH": f"{path}:/usr/bin:/bin"},
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
