"""Evaluate a model on folders of annotated images and print a table.

    python benchmarks/realdata.py FOLDER [FOLDER …] [--write FILE]

Each folder holds an annotations.json. Predictions are not aligned; protocol "none": no crop, no cap, except that ground
truth must be nearer than 80 m. With --write, the table replaces the section of FILE between the lines
`<!-- realdata -->` and `<!-- /realdata -->`.
"""

import argparse
import datetime
import os
import platform
import re
import tempfile
from pathlib import Path

import numpy as np

import mono
from mono.data.annotations import load_annotations
from mono.data.ground_truth import read_annotated_depth
from mono.do_test import run
from mono.evaluation.baselines import best_constant
from mono.evaluation.metrics import mean_over_images
from mono.evaluation.protocols import Protocol
from mono.runs.options import RunOptions
from mono.runs.outputs import OutputOptions

PROTOCOL = Protocol(name="benchmark", min_depth=0.1, max_depth=80.0)


def cpu_name() -> str:
    """Return the processor's name and number of cores."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


def write_between(page: Path, name: str, text: str) -> None:
    """Replace a page's section between the lines `<!-- name -->` and `<!-- /name -->`."""
    pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
    replaced, count = re.subn(pattern, lambda m: m[1] + text + "\n" + m[2], page.read_text(), flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"{page} has no lines <!-- {name} --> and <!-- /{name} -->")
    page.write_text(replaced)


def publish(table: str, name: str, page: Path | None) -> None:
    """Print a table; with a page, replace its section of that name, too."""
    print(table)
    if page:
        write_between(page, name, table)


def measured_by(model: mono.inference.predictor.Predictor, command: str) -> str:
    """Return what a table was measured with: model, date, processor and command."""
    weights = f"`{model.name}` (SHA-256 {model.checksum[:12]}…)"
    return f"{weights}, {datetime.date.today()}, {cpu_name()}, float32, by `{command}`"


def row(folder: Path, model: mono.inference.predictor.Predictor) -> str:
    """Evaluate one folder and format its row."""
    samples = load_annotations(folder / "annotations.json")
    with tempfile.TemporaryDirectory() as out:
        summary = run(samples, model, RunOptions(Path(out), OutputOptions(()), protocol=PROTOCOL))
    assert summary is not None
    tiers = [t for t in summary.metrics.values() if t]
    metric, median = (mean_over_images([t[tier] for t in tiers]) for tier in ("metric", "median"))
    scale = np.median([t["metric"].scale for t in tiers])
    depths = [read_annotated_depth(s) for s in samples if s.depth]
    ground_truths = [depth[PROTOCOL.in_range(depth)] for depth in depths]
    constant = best_constant(ground_truths, [gt.size for gt in ground_truths], PROTOCOL).tiers["metric"]
    return (
        f"| {folder.name} | {len(tiers)} "
        f"| {metric.abs_rel:.3f} | {metric.delta1:.3f} | {metric.rmse:.2f} | {scale:.2f} "
        f"| {median.abs_rel:.3f} | {median.delta1:.3f} | {constant.abs_rel:.3f} / {constant.delta1:.3f} |"
    )


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--model", default="lite")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--write", type=Path, metavar="FILE")
    args = parser.parse_args()
    model = mono.load_model(args.model, device=args.device)
    lines = [
        f"{measured_by(model, 'python benchmarks/realdata.py')}; ground truth 0.1-80 m, no crop, mean over frames:",
        "",
        "| frames | n | AbsRel | delta1 | RMSE [m] | scale (true / predicted) | median-aligned AbsRel | delta1 "
        "| best constant depth, AbsRel / delta1 |",
        "|---|---|---|---|---|---|---|---|---|",
        *(row(folder, model) for folder in args.folders),
    ]
    publish("\n".join(lines), "realdata", args.write)


if __name__ == "__main__":
    main()
