"""Post-training quantisation of a network to 8 bits with NNCF, and what it does to depth: needs openvino and nncf.

python benchmarks/int8.py --calibrate annotations.json FOLDER … [--model lite] [--frames 64] [--most 8] [--keep REGEX …]

Calibrated on the first frames of an annotation file (rendered ones, as `metricdepth scenes render` writes them);
compared with float32 eager on the check frames and on folders of real frames that each hold an annotations.json.
Operations whose names match --keep stay in float32; "tail" stands for the decoder's last convolutions.
"""

import argparse
import datetime
import statistics
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import mono
from mono.backends.base import arrays_of, machine
from mono.backends.check import Frame, check_frames, deviation, read_frames
from mono.backends.choose import job_of
from mono.export.networks import captured
from mono.model.depth_model import NetworkOutput


class Compiled:
    """An OpenVINO model as a network; keeps how long it took [ms]."""

    def __init__(self, model, precision: str, directed: bool):
        import openvino

        settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": torch.get_num_threads()}
        self.model = openvino.Core().compile_model(model, "CPU", settings)
        self.directed = directed
        self.times: list[float] = []

    def __call__(self, image: torch.Tensor, principal_point: torch.Tensor | None = None) -> NetworkOutput:
        started = time.perf_counter()
        answer = self.model(arrays_of(image, principal_point, self.directed))
        self.times.append(1000 * (time.perf_counter() - started))
        return NetworkOutput(*(torch.from_numpy(answer[i].copy()) for i in range(len(answer))))


def inputs_of(frame: Frame, predictor: mono.predictor.Predictor, directed: bool) -> list[np.ndarray]:
    """What the network is given of a frame."""
    view = predictor.transform.view(frame.camera)
    point = torch.tensor([[view.input_camera.cx, view.input_camera.cy]])
    return arrays_of(torch.from_numpy(view.image_to_input(frame.rgb)[None]), point, directed)


def quantised(model, inputs: list[list[np.ndarray]], keep: list[str]):
    import nncf

    scope = nncf.IgnoredScope(patterns=keep, validate=False) if keep else None
    return nncf.quantize(
        model.clone(),
        nncf.Dataset(inputs),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(inputs),
        ignored_scope=scope,
    )


def last_convolutions(model, count: int) -> list[str]:
    """Names of the last convolutions of a model, in the order that they are computed."""
    names = [op.get_friendly_name() for op in model.get_ordered_ops() if "Convolution" in op.get_type_name()]
    return [f"^{name}$" for name in names[-count:]]


def row(name: str, predictor, frames: dict[str, list[Frame]], reference: dict[str, list[np.ndarray]]) -> str:
    cells = []
    for folder, members in frames.items():
        depths = [predictor.predict(frame.rgb, frame.camera).depth for frame in members]
        found = deviation(depths, reference[folder], members)
        cells.append(f"{100 * found.median:.2f} % / {found.abs_rel:+.4f}")
    return f"| {name} | {statistics.median(predictor.network.times):.0f} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--calibrate", type=Path, required=True, metavar="JSON")
    parser.add_argument("--model", default="lite")
    parser.add_argument("--frames", type=int, default=64, help="to calibrate on")
    parser.add_argument("--most", type=int, default=8, help="frames of a folder, evenly spread")
    parser.add_argument("--keep", nargs="*", default=[])
    parser.add_argument("--tail", type=int, nargs="*", default=[0], help="convolutions at the end left in float32")
    args = parser.parse_args()
    eager = mono.load_model(args.model, device="cpu")
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
    calibration = [inputs_of(frame, eager, job.directed) for frame in read_frames(args.calibrate)[: args.frames]]
    print(f"{eager.name}, {datetime.date.today()}, {machine()}, {torch.get_num_threads()} threads, openvino")
    print(f"calibrated on {len(calibration)} frames; median difference of depth to float32 eager / change of AbsRel\n")
    print(f"| | ms | {' | '.join(f'{name} ({len(members)})' for name, members in frames.items())} |")
    print("|---|" + "---|" * (1 + len(frames)))
    for precision in ("f32", "bf16"):
        network = Compiled(model, precision, job.directed)
        print(row(precision, replace(eager, network=network), frames, reference), flush=True)
    for tail in args.tail:
        keep = args.keep + (last_convolutions(model, tail) if tail else [])
        network = Compiled(quantised(model, calibration, keep), "f32", job.directed)
        name = "int8" + (f", last {tail} convolutions float32" if tail else "")
        print(row(name, replace(eager, network=network), frames, reference), flush=True)


if __name__ == "__main__":
    main()
