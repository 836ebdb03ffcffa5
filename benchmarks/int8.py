"""Quantize a network to 8 bits with NNCF and measure its depth; needs openvino and nncf.

    python benchmarks/int8.py --calibrate annotations.json FOLDER … [--model lite] [--frames 64] [--most 8] [--leave
    KIND,…]

Calibrated on the first images of an annotation file (rendered ones, from `metricdepth scenes render`); compared with
float32 eager on the check images and on folders of real images that each hold an annotations.json. A model without a
checkpoint gets random weights, whose accuracy means nothing. Times are of the network alone. Each --leave is one more
trial without quantizing operations of these kinds, such as GroupConvolution,MVN.
"""

import argparse
import datetime
import logging
import statistics
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import mono
from mono.backends.base import arrays_of, machine
from mono.benchmark.worker import predictor_of
from mono.conversion.tracing import captured
from mono.inference.accuracy import CheckFrame, check_frames, deviation, read_frames
from mono.inference.autotune import job_of
from mono.model.depth_model import NetworkOutput


class Timed:
    """Network that records its run times [ms]."""

    def __init__(self, network, uses_principal_point: bool):
        self.network, self.uses_principal_point = network, uses_principal_point
        self.times: list[float] = []

    def __call__(self, *inputs: torch.Tensor) -> NetworkOutput:
        started = time.perf_counter()
        output = self.network(*inputs)
        self.times.append(1000 * (time.perf_counter() - started))
        return output


def compiled(model, precision: str, uses_principal_point: bool) -> Timed:
    """Wrap an OpenVINO model as a network."""
    import openvino

    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    ready = openvino.Core().compile_model(model, "CPU", settings)

    def network(image: torch.Tensor, principal_point: torch.Tensor | None = None) -> NetworkOutput:
        outputs = ready(arrays_of(image, principal_point, uses_principal_point))
        return NetworkOutput(*(torch.from_numpy(outputs[i].copy()) for i in range(len(outputs))))

    return Timed(network, uses_principal_point)


def inputs_of(
    frame: CheckFrame, predictor: mono.inference.predictor.Predictor, uses_principal_point: bool
) -> list[np.ndarray]:
    """Prepare the network input of an image."""
    view = predictor.transform.view(frame.camera)
    point = torch.tensor([[view.input_camera.cx, view.input_camera.cy]])
    return arrays_of(torch.from_numpy(view.image_to_input(frame.rgb)[None]), point, uses_principal_point)


def quantized(model, inputs: list[list[np.ndarray]], leave: list[str]):
    """Quantize a network on calibration inputs."""
    import nncf

    nncf.set_log_level(logging.ERROR)
    scope = nncf.IgnoredScope(types=leave, validate=False) if leave else None
    return nncf.quantize(
        model.clone(),
        nncf.Dataset(inputs),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(inputs),
        ignored_scope=scope,
    )


def row(name: str, predictor, frames: dict[str, list[CheckFrame]], reference: dict[str, list[np.ndarray]]) -> str:
    """Format one row of the table."""
    cells = []
    for folder, members in frames.items():
        depths = [predictor.predict(frame.rgb, frame.camera).depth for frame in members]
        found = deviation(depths, reference[folder], members)
        cells.append(f"{100 * found.median:.2f} % / {found.abs_rel:+.4f}")
    # Shapes come for the first time in the first half of the calls or sooner, and cost more then.
    times = predictor.network.times[len(predictor.network.times) // 2 :]
    return f"| {name} | {statistics.median(times):.1f} | {' | '.join(cells)} |"


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--calibrate", type=Path, required=True, metavar="JSON")
    parser.add_argument("--model", default="lite")
    parser.add_argument("--frames", type=int, default=64, help="calibration images (default: 64)")
    parser.add_argument("--most", type=int, default=8, help="images per folder, evenly spread (default: 8)")
    parser.add_argument(
        "--leave", nargs="*", default=[], metavar="KIND,…", help="leave operations of these kinds in float"
    )
    args = parser.parse_args()
    eager = predictor_of(args.model)
    frames = {"check frames": check_frames()}
    for folder in args.folders:
        found = read_frames(folder / "annotations.json")
        frames[folder.name] = found[:: max(1, len(found) // args.most)][: args.most]
    reference = {
        name: [eager.predict(frame.rgb, frame.camera).depth for frame in members] for name, members in frames.items()
    }
    import openvino

    job = job_of(eager)
    model = openvino.convert_model(captured(job.network, job.input_size))
    calibration = [
        inputs_of(frame, eager, job.uses_principal_point) for frame in read_frames(args.calibrate)[: args.frames]
    ]
    print(f"{eager.name}, {datetime.date.today()}, {machine()}, {torch.get_num_threads()} threads, openvino")
    print(f"calibrated on {len(calibration)} frames; median difference of depth to float32 eager / change of AbsRel\n")
    print(f"| | ms | {' | '.join(f'{name} ({len(members)})' for name, members in frames.items())} |")
    print("|---|" + "---|" * (1 + len(frames)))
    print(
        row("eager f32", replace(eager, network=Timed(eager.network, job.uses_principal_point)), frames, reference),
        flush=True,
    )
    for precision in ("f32", "bf16"):
        network = compiled(model, precision, job.uses_principal_point)
        print(row(precision, replace(eager, network=network), frames, reference), flush=True)
    for leave in ("", *args.leave):
        smaller = quantized(model, calibration, leave.split(",") if leave else [])
        for rest in ("f32", "bf16"):
            name = f"int8{', not ' if leave else ''}{leave.replace(',', ', ')}; rest {rest}"
            network = compiled(smaller, rest, job.uses_principal_point)
            print(row(name, replace(eager, network=network), frames, reference), flush=True)


if __name__ == "__main__":
    main()
