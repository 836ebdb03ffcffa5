"""Recover metric paths of real sequences and print a table.

    python benchmarks/slam_real.py FOLDER [FOLDER …] --out DIR

Each folder holds rgb/, sequence.json ({"cam_in": [fx, fy, cx, cy]}) and groundtruth_kitti.txt, whose lines are the
frames' numbers. `metricdepth slam` runs on each (into DIR/FOLDER_BACKEND; existing results are kept), and each part of
the path is compared with the ground truth: Sim(3) ATE measures its shape, the scale error its metres, beside the
reported standard error; "depth" counts the frames with predicted depth. With --write, the table replaces the section of
FILE between the lines `<!-- slam-real -->` and `<!-- /slam-real -->`.
"""

import argparse
import datetime
import json
import sys
from pathlib import Path

from mono.cli.main import main as metricdepth
from mono.slam import read_trajectory
from mono.slam.trajectory.odometry_metrics import compare_trajectories

sys.path.insert(0, str(Path(__file__).parent))
from realdata import cpu_name, publish

HEADER = """| sequence | back end | part | frames | true path [m] | Sim(3) ATE [m] | scale error | reported | depth |
|---|---|---|---|---|---|---|---|---|"""


def rows(folder: Path, method: str, model: str, out: Path) -> list[str]:
    """Run the command unless it has run, and compare each part with the ground truth."""
    camera = json.loads((folder / "sequence.json").read_text())["cam_in"]
    arguments = ["slam", str(folder / "rgb"), "--out", str(out), "--method", method, "--model", model]
    arguments += ["--intrinsics", ",".join(map(str, camera)), "--threads", "1"]
    if not (out / "scale.json").is_file() and metricdepth(arguments) == 2:
        raise SystemExit(f"{folder}: no path")
    content = json.loads((out / "scale.json").read_text())
    gt = read_trajectory(folder / "groundtruth_kitti.txt", "kitti")
    lines = []
    for number, part in enumerate(content["parts"], 1):
        metric = part["status"] == "metric"
        path = read_trajectory(out / part["folder"] / f"{'' if metric else 'unscaled_'}trajectory_tum.txt")
        errors = compare_trajectories(path, gt)
        off = f"{100 * errors.scale_error:+.1f} %" if metric else "refused"
        error = f"+- {100 * part['standard_error']:.1f} %" if "standard_error" in part else "-"
        seen = part.get("keyframes", part.get("frames_used", "-"))
        lines.append(
            f"| {folder.name} | {method} | {number} of {len(content['parts'])} | {part['frames']} of "
            f"{content['frames']} | {errors.length:.1f} | {errors.aligned['sim3'].ate.rmse:.3f} | {off} | {error} "
            f"| {seen} |"
        )
    return lines


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--method", nargs="+", default=["sfm", "vo"])
    parser.add_argument("--model", default="lite")
    parser.add_argument("--write", type=Path, metavar="FILE")
    args = parser.parse_args()
    lines = []
    for folder in args.folders:
        for method in args.method:
            lines += rows(folder, method, args.model, args.out / f"{folder.name}_{method}")
    command = f"python benchmarks/slam_real.py {' '.join(f.name for f in args.folders)} --out runs"
    note = f"`{command}` with `{args.model}`, on {cpu_name()}, {datetime.date.today()}."
    publish("\n".join([HEADER, *lines, "", note]), "slam-real", args.write)


if __name__ == "__main__":
    main()
