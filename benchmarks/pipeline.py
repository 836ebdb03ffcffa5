"""Measure whole runs: speed, the network's share, and memory by number of images.

    python benchmarks/pipeline.py speed [--model lite] [--backend eager] [--images 100] [--size 1920x1080]
    python benchmarks/pipeline.py memory [--counts 100 1000 10000]

`speed` uses synthetic photos and reports the share of wall time that the network alone would take, measured before the
run. A model without a checkpoint gets random weights with --random. `memory` uses small images and a trivial network;
each count runs in its own process. Its table has the peak resident memory after each stage: imported, images listed,
run ended.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from mono.data.camera_source import CameraResolver
from mono.data.folder import find_images
from mono.system.threads import share_cores, wait_briefly, workers_beside

DIFFERENT = 10


def photos(folder: Path, count: int, width: int, height: int) -> Path:
    """Write JPEG photos of soft noise; ten different ones are repeated."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for i in range(count):
        path = folder / f"{i:05}.jpg"
        if i >= DIFFERENT:
            path.hardlink_to(folder / f"{i % DIFFERENT:05}.jpg")
            continue
        soft = cv2.GaussianBlur(rng.standard_normal((height, width, 3)), (0, 0), 3)
        cv2.imwrite(str(path), np.clip(128 + 50 * soft / soft.std(), 0, 255).astype(np.uint8))
    return folder


def peak() -> float:
    """Return the peak memory of this process [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def random_model(config: str) -> object:
    """Build a predictor of a config with random weights."""
    import torch

    from mono.config import read_config
    from mono.inference.network import NetworkPredictor
    from mono.model.depth_model import build_depth_model

    read = read_config(config)
    network = build_depth_model(**read.architecture).eval().requires_grad_(False)
    cpu = torch.device("cpu")
    return NetworkPredictor(
        network, read.transform, cpu, "float32", config, Path("random"), "0" * 64, read.architecture
    )


def speed(args: argparse.Namespace) -> None:
    """Measure a run's speed and the network's share."""
    from mono.do_test import run
    from mono.inference.autotune import with_backend
    from mono.inference.load import load_model
    from mono.io.images import read_image
    from mono.model.zoo import MODELS
    from mono.runs.options import RunOptions
    from mono.runs.outputs import OutputOptions

    workers = workers_beside(args.threads) if args.workers is None else args.workers
    share_cores(args.threads)
    model = random_model(MODELS[args.model].config) if args.random else load_model(args.model, device="cpu")
    model = with_backend(replace(model, precision=args.precision), args.backend)
    width, height = map(int, args.size.split("x"))
    resolver = CameraResolver(fov_deg=65.0)
    with tempfile.TemporaryDirectory() as name:
        samples = find_images([photos(Path(name, "photos"), args.images, width, height)])
        prepared = model.prepare(read_image(samples[0].rgb).rgb, resolver.resolve(width, height))
        times = []
        for _ in range(6):
            begun = time.perf_counter()
            model.infer([prepared])
            times.append(time.perf_counter() - begun)
        network = float(np.median(times[1:]))
        save = tuple(part for part in args.save.split(",") if part)
        options = RunOptions(Path(name, "out"), OutputOptions(save), workers=workers, resolver=resolver)
        begun, cpu = time.perf_counter(), time.process_time()
        summary = run(samples, model, options)
        seconds, spent = time.perf_counter() - begun, time.process_time() - cpu
    assert summary is not None and summary.done == args.images
    each = seconds / args.images
    print(
        f"{args.model} {args.backend} {args.precision}, {args.images} photos {args.size}, "
        f"input {prepared.view.input_size}, {args.save}, {workers} workers: {1 / each:.2f} images/s, "
        f"{1000 * each:.0f} ms an image (processor {1000 * spent / args.images:.0f} ms), "
        f"network alone {1000 * network:.0f} ms, {100 * network / each:.0f} %; peak {peak():.0f} MB"
    )


def memory(args: argparse.Namespace) -> None:
    """Measure memory for one number of images."""
    if args.one is None:
        print(
            "| images | seconds | ms an image | imported [MB] | listed [MB] | ended [MB] |\n|---|---|---|---|---|---|"
        )
        for count in args.counts:
            subprocess.run([sys.executable, __file__, "memory", "--one", str(count)], check=True)
        return
    import torch

    from mono.do_test import run
    from mono.geometry.canonical import CanonicalTransform
    from mono.inference.network import NetworkPredictor
    from mono.model.depth_model import NetworkOutput
    from mono.runs.options import RunOptions

    class Brightness(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> NetworkOutput:
            depth = 12.5 + 7.5 * torch.tanh(image.mean(1, keepdim=True))
            return NetworkOutput(depth, torch.ones_like(depth))

    share_cores(1)
    transform, cpu = CanonicalTransform((128, 160), fit="tight"), torch.device("cpu")
    model = NetworkPredictor(Brightness(), transform, cpu, "float32", "brightness", Path("none"), "0" * 64)
    imported = peak()
    with tempfile.TemporaryDirectory() as name:
        samples = find_images([photos(Path(name, "photos"), args.one, 160, 120)])
        listed = peak()
        begun = time.perf_counter()
        run(samples, model, RunOptions(Path(name, "out"), resolver=CameraResolver(fov_deg=65.0)))
        seconds = time.perf_counter() - begun
    each = 1000 * seconds / args.one
    print(f"| {args.one} | {seconds:.1f} | {each:.1f} | {imported:.0f} | {listed:.0f} | {peak():.0f} |", flush=True)


def main() -> None:
    """Run the benchmark from the command line."""
    wait_briefly()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    fast = commands.add_parser("speed")
    fast.add_argument("--model", default="lite")
    fast.add_argument("--random", action="store_true", help="use random weights")
    fast.add_argument("--backend", default="eager", choices=("eager", "compile", "onnxruntime", "openvino"))
    fast.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    fast.add_argument("--images", type=int, default=100)
    fast.add_argument("--size", default="1920x1080")
    fast.add_argument("--save", default="depth,vis,pcd")
    fast.add_argument("--threads", type=int)
    fast.add_argument(
        "--workers", type=int, help="reading and writing threads; 0 works sequentially (default: as metricdepth does)"
    )
    fast.set_defaults(run=speed)
    flat = commands.add_parser("memory")
    flat.add_argument("--counts", type=int, nargs="+", default=[100, 1000, 10000])
    flat.add_argument("--one", type=int, help=argparse.SUPPRESS)
    flat.set_defaults(run=memory)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
