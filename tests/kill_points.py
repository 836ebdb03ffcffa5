"""A run with the toy network that kills itself: python -m tests.kill_points POINT:N PHOTOS OUT [flags].

The process is killed before the N-th time that it comes to the point; "none:0" kills nothing.
"""

import argparse
import os
import signal
import time
from pathlib import Path

import torch

import mono.do_test
import mono.runs.execute
import mono.runs.folder
import mono.runs.paths
from mono.data.annotations import load_annotations
from mono.data.camera_source import CameraResolver
from mono.data.folder import find_images
from mono.evaluation.protocols import get_protocol
from mono.runs.manifest import Manifest
from mono.runs.options import RunOptions
from mono.runs.outputs import OutputOptions
from tests.toys import toy_predictor

# Where in the code each point is, and how often it is passed at most: before that, the last time kills.
POINTS = {
    "journal": (mono.do_test, "write_journal", 1),
    "drop": (Manifest, "drop", 1),
    "remove": (Path, "unlink", 99),
    "write": (mono.runs.execute, "write_outputs", 99),
    "record": (Manifest, "add", 99),
    "finish": (mono.runs.folder, "_finish_journal", 2),
}


def kill_before(point, count):
    owner, name, most = POINTS[point]
    original, left = getattr(owner, name), [min(count, most)]

    def counted(*args, **values):
        left[0] -= 1
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **values)

    setattr(owner, name, counted)


def pause_before_writing(seconds):
    original = mono.runs.execute.write_outputs

    def slow(*args, **values):
        time.sleep(seconds)
        return original(*args, **values)

    mono.runs.execute.write_outputs = slow


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kill")
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--save", type=lambda text: tuple(text.split(",")), default=("depth",))
    parser.add_argument("--focal", type=float)
    parser.add_argument("--overwrite", action="store_true")
    parser.add_argument("--evaluate", action="store_true")
    parser.add_argument("--pause", type=float, default=0.0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    point, _, count = args.kill.partition(":")
    samples = load_annotations(args.data) if args.evaluate else find_images([args.data])
    options = RunOptions(
        out=args.out,
        output=OutputOptions(args.save),
        resolver=CameraResolver(focal_px=args.focal),
        overwrite=args.overwrite,
        protocol=get_protocol("none") if args.evaluate else None,
        report=args.evaluate,
    )
    if args.pause:
        pause_before_writing(args.pause)
    if point != "none":
        kill_before(point, int(count))
    mono.do_test.run(samples, toy_predictor(), options)


if __name__ == "__main__":
    main()
