"""Pictures of the dashboards for docs/dashboards.md, from a real Prometheus that holds real runs.

    python benchmarks/monitoring/pictures.py --prometheus http://127.0.0.1:9090 --testid RUN

asks every query of every committed dashboard as Grafana would, at the time of the run (the trend and the
pipeline's health: over ``--days``), and draws the panels with matplotlib. Exits 1 when a panel got no data.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
from answers import Asking
from drawing import draw, draw_marks
from looks import COLOURS, TEXT
from matplotlib.axes import Axes
from PIL import Image

from perf_pipeline import conventions as names

ROOT = Path(__file__).resolve().parents[2]
ROW_INCH, WIDTH_INCH, DPI = 0.36, 16.0, 90
COLOURS_OF_A_PICTURE = 200


def picture(file: Path, dashboard: Mapping[str, Any], asking: Asking) -> list[str]:
    """Writes the picture; returns the titles of panels without data."""
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    inches = height * ROW_INCH + 0.6
    figure = plt.figure(figsize=(WIDTH_INCH, inches), dpi=DPI, facecolor="#f4f5f7")
    figure.text(0.008, 1 - 0.3 / inches, dashboard["title"], fontsize=14, fontweight="bold", va="center")
    marks = asking.marks(dashboard)
    for number, one in enumerate(reversed(dashboard["annotations"]["list"])):
        figure.text(
            0.99 - 0.07 * number,
            1 - 0.3 / inches,
            f"┃ {one['name']}",
            fontsize=9,
            va="center",
            ha="right",
            color=COLOURS[one["iconColor"]],
        )
    empty = []
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        top = 1 - 0.6 / inches - place["y"] * ROW_INCH / inches
        if panel["type"] == "row":
            middle = top - 0.5 * ROW_INCH / inches
            figure.text(0.008, middle, panel["title"], fontsize=10, va="center", color=TEXT)
            continue
        answered = asking.panel(panel, {"panels": [panel], "annotations": {"list": []}})
        if not answered:
            empty.append(panel["title"])
        figure.text(
            place["x"] / 24 + 0.01,
            top - 0.22 / inches,
            panel["title"],
            fontsize=9,
            fontweight="bold",
            va="center",
            color=TEXT,
        )
        axes = _axes(figure, place, top, inches, panel["type"])
        draw(axes, panel, answered, asking.span)
        if panel["type"] == "timeseries" and answered:
            draw_marks(axes, marks)
    figure.savefig(file, facecolor=figure.get_facecolor())
    plt.close(figure)
    Image.open(file).convert("RGB").quantize(COLOURS_OF_A_PICTURE).save(file, optimize=True)
    return empty


def _axes(figure: Any, place: Mapping[str, int], top: float, inches: float, kind: str) -> Axes:
    """A white card at the panel's place, and the axes within it."""
    left, width = place["x"] / 24, place["w"] / 24
    height = place["h"] * ROW_INCH / inches
    pad_x, pad_y = 0.004, 0.06 / inches
    card = (left + pad_x, top - height + pad_y, width - 2 * pad_x, height - 2 * pad_y)
    figure.patches.append(
        mpl.patches.Rectangle(
            card[:2],
            *card[2:],
            transform=figure.transFigure,
            facecolor="white",
            edgecolor="#d8dadf",
            lw=0.8,
            zorder=-1,
        )
    )
    head, foot = 0.34 / inches, 0.12 / inches
    side = 0.006
    if kind in ("timeseries", "heatmap", "state-timeline"):
        foot = 0.5 / inches
        side = 0.1 if kind == "state-timeline" else 0.042
    axes: Axes = figure.add_axes(
        (card[0] + side, card[1] + foot, card[2] - side - 0.008, card[3] - head - foot)
    )
    return axes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prometheus", required=True)
    parser.add_argument("--suite", default="multiplayer")
    parser.add_argument("--testid", required=True, help="the run that Benchmark and Run show")
    parser.add_argument("--profile", default="standard")
    parser.add_argument("--target", default="local")
    parser.add_argument("--days", type=float, default=1.0, help="what Trend and Pipeline health show")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    chosen = {
        "testid": options.testid,
        "suite": options.suite,
        "target": options.target,
        "profile": options.profile,
        "endpoint": ".*",
    }
    run = _span_of_run(options.prometheus, options.testid)
    long = (run[1] + 60 - options.days * 86400, run[1] + 60)
    folder = ROOT / names.DASHBOARDS_FOLDER
    empty: dict[str, list[str]] = {}
    for file in sorted(folder.glob("*.json")):
        if not file.stem.startswith((f"{options.suite}-", names.PIPELINE_HEALTH)):
            continue
        of_run = file.stem.endswith((names.BENCHMARK, f"-{names.RUN}"))
        asking = Asking(options.prometheus, run if of_run else long, chosen)
        without = picture(options.out / f"{file.stem}.png", json.loads(file.read_text()), asking)
        print(f"{file.stem}: {(options.out / f'{file.stem}.png').stat().st_size // 1000} kB")
        if without:
            empty[file.stem] = without
    for name, titles in empty.items():
        print(f"no data in {name}: {', '.join(titles)}")
    return 1 if empty else 0


def _span_of_run(url: str, testid: str) -> tuple[float, float]:
    """From a little before k6's first write to a little after its last one."""
    asking = Asking(url, (0, 0), {})
    found = []
    for function in ("min", "max"):
        query = f'{function}_over_time(timestamp(k6_vus{{testid="{testid}"}})[7d:1s])'
        (answer,) = asking.get("query", query=f"{function}({query})")
        found.append(float(answer["value"][1]))
    return found[0] - 15, found[1] + 15


if __name__ == "__main__":
    raise SystemExit(main())
