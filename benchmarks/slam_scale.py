"""Measure scale recovery on rendered sequences.

    python benchmarks/slam_scale.py FOLDER [FOLDER …] [--write FILE]

Each folder is one of `metricdepth scenes sequence` with all its frames. Its exact path is divided by 7.3, and its scale
recovered from about `--count` frames with

- exact depth, and the same times 1.25;
- depth with that bias, an error of 3 % per frame and a smooth field of 5 % within frames;
- steps of the path that grow by 45 %, with and without --windowed: by exact depth, and with the same noise;
- depth predicted by a model (--model none leaves it out).

Results of several runs (--json) are merged: with --write, the table replaces the section of FILE between the lines
`<!-- slam_scale -->` and `<!-- /slam_scale -->`; folders then are the JSON files.
"""

import argparse
import datetime
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

from mono.data.camera_source import CameraResolver, ResolvedCamera
from mono.data.folder import find_images
from mono.data.sample import Sample
from mono.inference.load import load_model
from mono.slam import read_trajectory
from mono.slam.scale.depth_sources import AnnotatedDepth, DepthSource, NetworkDepth
from mono.slam.scale.trajectory_scale import (
    apply_scale,
    arc_length_fraction,
    match_frames,
    scale_trajectory,
    track_frames,
)
from mono.slam.trajectory.odometry_metrics import compare_trajectories

sys.path.insert(0, str(Path(__file__).parent))
from realdata import cpu_name, write_between

UNIT, BIAS, JITTER, FIELD, DRIFT = 7.3, 1.25, 0.03, 0.05, 0.45


class Noisy:
    """Multiply depth by a bias, and with `seed` by a factor a frame and a smooth field within it."""

    reads_images = False

    def __init__(self, depth: DepthSource, bias: float, seed: int | None, samples: list[Sample]) -> None:
        self.source, self.bias, self.seed = depth, bias, seed
        self.numbers = {sample.name: number for number, sample in enumerate(samples)}

    def has(self, sample: Sample) -> bool:
        return self.source.has(sample)

    def depth(self, sample: Sample, camera: ResolvedCamera, rgb: np.ndarray | None = None) -> np.ndarray:
        true = self.source.depth(sample, camera, rgb)
        if self.seed is None:
            return true * self.bias
        rng = np.random.default_rng([self.seed, self.numbers[sample.name]])
        h, w = true.shape
        v, u = np.mgrid[:h, :w] / max(h, w)
        waves = [
            np.sin(2 * np.pi * (rng.uniform(-1, 1) * u + rng.uniform(-1, 1) * v) + rng.uniform(0, 7)) for _ in range(4)
        ]
        field = np.sum(waves, axis=0) / math.sqrt(2)
        return true * self.bias * np.exp(JITTER * rng.normal() + FIELD * field)


def measure(folder: Path, count: int, model: str) -> dict[str, Any]:
    """Recover the scale of a sequence in all ways."""
    settings = json.loads((folder / "settings.json").read_text())
    samples = find_images([folder / "rgb"])
    gt = read_trajectory(folder / "poses_tum.txt")
    found = CameraResolver().resolve(*size_of(samples[0].read().rgb), image_path=samples[0].rgb)
    exact = AnnotatedDepth(folder / "annotations.json", samples)
    frames = match_frames(gt.scaled(1 / UNIT), samples, timed=True)
    tracks = list(track_frames(frames, found.camera, count))
    row: dict[str, Any] = {"kind": settings["kind"], "seed": settings["seed"], "frames": len(samples)}
    row["length"] = gt.length

    def scale(depth: DepthSource, true: float) -> dict[str, Any]:
        e = scale_trajectory(frames, found, depth, tracks).estimate
        return {
            "error": e.scale / (UNIT * true) - 1,
            "standard_error": e.standard_error,
            "spread": e.spread,
            "used": len(e.images),
            "drift": e.drift.significant,
            "p": e.drift.p,
        }

    row["exact"] = scale(exact, 1)
    row["bias_only"] = scale(Noisy(exact, BIAS, None, samples), BIAS)
    row["biased"] = scale(Noisy(exact, BIAS, settings["seed"], samples), BIAS)
    if model != "none":
        row["model"] = scale(NetworkDepth(load_model(model)), 1)
    steps = arc_length_fraction(gt)
    growing = gt.scaled((1 + DRIFT * (steps[1:] + steps[:-1]) / 2) / UNIT)
    bent = match_frames(growing, samples, timed=True)
    tracks = list(track_frames(bent, found.camera, count))
    for name, depth in (("drifting", exact), ("drifting_noisy", Noisy(exact, 1, settings["seed"], samples))):
        e = scale_trajectory(bent, found, depth, tracks).estimate
        before, after = (compare_trajectories(apply_scale(growing, e, windowed), gt) for windowed in (False, True))
        local = e.at((steps[1:] + steps[:-1]) / 2) * (1 + DRIFT * (steps[1:] + steps[:-1]) / 2) / UNIT
        row[name] = {
            "found": e.drift.significant,
            "p": e.drift.p,
            "range": e.drift.range,
            "left": float(local.max() / local.min() - 1),
            "ate_one_scale": before.aligned["sim3"].ate.rmse,
            "ate_windowed": after.aligned["sim3"].ate.rmse,
        }
    return row


def size_of(rgb: np.ndarray) -> tuple[int, int]:
    """Return the width and height of a sequence's frames."""
    return rgb.shape[1], rgb.shape[0]


def table(rows: list[dict[str, Any]], count: int, model: str) -> str:
    """Format the results as a Markdown table."""

    def verdict(r: dict[str, Any]) -> str:
        return f"{'found' if r['drift'] else 'none'} (p = {r['p']:.2g})"

    lines = [
        f"Rendered sequences, {count} frames with depth each, {cpu_name()}, {datetime.date.today()}; error of the "
        "scale, with the standard error that was reported:",
        "",
        f"| sequence | exact depth | {BIAS} x exact depth | {BIAS} x noisy depth | of the three, drift found | "
        f"`{model}` | in standard errors | its drift |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        e, o, b, m = r["exact"], r["bias_only"], r["biased"], r.get("model")
        cells = [
            f"{r['kind']} {r['seed']}, {r['length']:.0f} m",
            f"{e['error'] * 100:+.2f} % (± {e['standard_error'] * 100:.2f})",
            f"{o['error'] * 100:+.2f} % (± {o['standard_error'] * 100:.2f})",
            f"{b['error'] * 100:+.2f} % (± {b['standard_error'] * 100:.2f})",
            f"{verdict(e)}, {verdict(o)}, {verdict(b)}",
        ]
        if m:
            cells += [
                f"{m['error'] * 100:+.2f} % (± {m['standard_error'] * 100:.2f})",
                f"{abs(math.log1p(m['error'])) / m['standard_error']:.1f}",
                verdict(m),
            ]
        else:
            cells += ["", "", ""]
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        f"The same paths with steps that grow by {DRIFT * 100:.0f} % on the way; by exact depth, and by depth that "
        f"errs by {JITTER * 100:.0f} % from frame to frame and by {FIELD * 100:.0f} % within one:",
        "",
        f"| sequence | depth | drift found | largest / smallest scale, true {1 + DRIFT:.2f} | left after "
        "`--windowed` | ATE [m], Sim(3): one scale | `--windowed` |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, depth in (("drifting", "exact"), ("drifting_noisy", "noisy")):
        for r in rows:
            d = r[name]
            lines.append(
                f"| {r['kind']} {r['seed']} | {depth} | {'yes' if d['found'] else 'no'} (p = {d['p']:.2g}) | "
                f"{d['range']:.3f} | {d['left'] * 100:.1f} % | {d['ate_one_scale']:.3f} | {d['ate_windowed']:.3f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, help="sequences, or JSON files of earlier runs")
    parser.add_argument("--count", type=int, default=40, help="frames with depth (default: 40)")
    parser.add_argument("--model", default="lite", help="model for predicted depth, or none (default: lite)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers to this file")
    parser.add_argument("--write", type=Path, metavar="FILE")
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for folder in args.folders:
        rows += json.loads(folder.read_text()) if folder.is_file() else [measure(folder, args.count, args.model)]
        if args.json:
            args.json.write_text(json.dumps(rows, indent=1))
    rows.sort(key=lambda row: (row["kind"], row["seed"]))
    text = table(rows, args.count, args.model)
    print(text)
    if args.write:
        write_between(args.write, "slam_scale", text)


if __name__ == "__main__":
    main()
