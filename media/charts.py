"""Charts of accuracy and speed, drawn from the tables of the docs."""

from __future__ import annotations

import re
from pathlib import Path

MEDIA = Path(__file__).parent
DOCS = MEDIA.parent / "docs"
BLUE, SKY, GRAY, INK = "#0072b2", "#56b4e9", "#b8bec6", "#1c2026"  # Okabe and Ito's blues
NAMES = {"kitti_object": "KITTI", "nyu_demo": "NYU", "ibims1": "iBims-1", "sun3d_demon": "SUN3D", "tum_demon": "TUM"}
BACKENDS = {"eager": "torch", "compile": "torch.compile", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}


def table(page: str, first: str) -> tuple[str, list[list[str]]]:
    """Read a page's first table whose header begins with a cell, and the last dated line above it."""
    before, _, after = (DOCS / page).read_text().partition(f"\n| {first} |")
    rows = [line.strip("| ").split(" | ") for line in after.partition("\n\n")[0].splitlines()[2:]]
    return re.findall(r"20\d\d-\d\d-\d\d", before)[-1], rows


def accuracy() -> None:
    """Draw the error of `lite` on real frames: as predicted, median-aligned, and of the best constant depth."""
    date, rows = table("accuracy.md", "frames")
    rows = [row for row in rows if row[0] in NAMES]
    figure, axes = _axes(f"Error (AbsRel) of lite on real frames, {date}: less is better")
    series = (("as predicted, in metres", 2, BLUE), ("median-aligned", 6, SKY), ("best constant depth", 8, GRAY))
    for place, (label, column, color) in enumerate(series):
        values = [float(row[column].split(" / ")[0]) for row in rows]
        places = [i + 0.27 * (place - 1) for i in range(len(rows))]
        bars = axes.barh(places, values, 0.25, color=color, label=label)
        axes.bar_label(bars, [f"{value:.2f}" for value in values], padding=2, fontsize=7, color=INK)
    axes.set_yticks(range(len(rows)), [f"{NAMES[row[0]]} ({row[1]} frames)" for row in rows])
    axes.set_xlim(0, 0.44)
    figure.legend(loc="outside lower left", ncols=3, frameon=False, fontsize=7.5, labelcolor=INK, columnspacing=1)
    _save(figure, "accuracy")


def speed() -> None:
    """Draw the images a second of `lite` by each backend."""
    date, rows = table("speed.md", "model")
    rows = [row for row in rows if row[3] in BACKENDS and row[0] == "lite"]
    figure, axes = _axes(f"Photos a second on 2 CPU cores, {date}: JPEG to depth PNG")
    for i, backend in enumerate(BACKENDS):
        for row in rows:
            if row[3] == backend:
                half = row[4] == "bfloat16"
                bars = axes.barh(i + (0.21 if half else -0.21), float(row[7]), 0.38, color=SKY if half else BLUE)
                axes.bar_label(bars, [f"{float(row[7]):.0f}"], padding=2, fontsize=7.5, color=INK)
    axes.set_yticks(range(len(BACKENDS)), BACKENDS.values())
    for label, color in (("float32", BLUE), ("bfloat16", SKY)):
        axes.barh([0], [0], color=color, label=label)
    axes.set_xlim(0, 1.12 * max(float(row[7]) for row in rows))
    axes.legend(loc="upper right", frameon=False, fontsize=7.5, labelcolor=INK)
    _save(figure, "speed")


def _axes(title: str):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.3, 3.0), layout="constrained")
    axes = figure.subplots()
    figure.suptitle(title, fontsize=8.5, color=INK, x=0.01, ha="left")
    axes.invert_yaxis()
    axes.tick_params(labelsize=8, length=0, labelcolor=INK)
    axes.xaxis.set_visible(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure, axes


def _save(figure, name: str) -> None:
    from matplotlib import rc_context

    with rc_context({"svg.hashsalt": name}):
        figure.savefig(MEDIA / f"{name}.svg", metadata={"Date": None})
