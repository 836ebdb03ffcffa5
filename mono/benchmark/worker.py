"""Process of a measurement, `python -m mono.benchmark.worker case|matmul JSON`; it writes a line of JSON."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mono.benchmark.cases import RANDOM, Case, Measured
from mono.inference.autotune import with_backend, with_fastest
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from torch import Tensor

    from mono.backends.base import Network
    from mono.inference.network import NetworkPredictor
    from mono.inference.predictor import Predictor

_FIELD_OF_VIEW = 60.0  # of the photos [deg]
_MATRICES = (1024, 2048, 3072)


def main() -> None:
    """Measure the case of the command line and write its result."""
    what, text = sys.argv[1:]
    values = json.loads(text)
    if what == "matmul":
        result: Any = {"gflops": _matmul(values["precision"], values["threads"])}
    else:
        result = asdict(_case(Case(**values | {"size": tuple(values["size"])})))
    sys.stdout.write("\n" + json.dumps(result) + "\n")


def _matmul(precision: str, threads: int) -> float:
    torch.set_num_threads(threads)
    best = 0.0
    for size in _MATRICES:
        a = torch.randn(size, size).to(getattr(torch, precision))
        for _ in range(8):
            started = time.perf_counter()
            a @ a
            best = max(best, 2 * size**3 / (time.perf_counter() - started) / 1e9)
    return best


def _case(case: Case) -> Measured:
    from mono.geometry.camera import Camera
    from mono.system.threads import share_cores

    share_cores(case.threads)
    base = predictor_of(case.model)
    predictor = _computed(base, case)
    photo = _photo(case.size, case.near)
    width, height = case.size
    camera = Camera.centered(width / 2 / np.tan(np.radians(_FIELD_OF_VIEW / 2)), width, height)
    view = predictor.transform.view(camera)
    inputs = [torch.from_numpy(np.stack([view.image_to_input(photo)]))]  # as runs do: compiled code knows strides
    if getattr(predictor.network, "uses_principal_point", False):
        inputs.append(torch.tensor([view.principal_point]))
    times = []
    for _ in range(case.runs + 1):
        started = time.perf_counter()
        with torch.inference_mode(), predictor._autocast():
            predictor.network(*inputs)
        times.append(1000 * (time.perf_counter() - started))
    first, *others = times
    rate = outside = None
    if case.images:
        seconds = _end_to_end(predictor, photo, case.images, case.threads)
        rate = case.images / seconds
        outside = max(0.0, 1 - _seconds_together(predictor, inputs, float(np.median(others)) / 1000) * rate)
    peak = _peak_megabytes()
    return Measured(
        backend=predictor.backend,
        precision=predictor.precision,
        weights=RANDOM if base.checksum == RANDOM else base.checksum,
        input_size=view.input_size,
        first_seconds=first / 1000,
        milliseconds=tuple(sorted(others)),
        gflop=gflop(base.network, inputs, predictor.backend in ("eager", "openvino")),
        images_per_second=rate,
        outside=outside,
        peak_megabytes=peak,
    )


def _computed(predictor: NetworkPredictor, case: Case) -> NetworkPredictor:
    if case.backend == "fastest":
        return with_fastest(predictor, ("float32", "bfloat16"))
    return with_backend(replace(predictor, precision=case.precision), case.backend)


def predictor_of(model: str) -> NetworkPredictor:
    """Load a model in float32, with fixed random weights where it has no checkpoint."""
    from mono.config import read_config
    from mono.inference.load import load_model
    from mono.inference.network import NetworkPredictor
    from mono.model.checkpoint import CheckpointError, find_checkpoint
    from mono.model.depth_model import build_depth_model
    from mono.model.zoo import MODELS

    try:
        find_checkpoint(MODELS[model])
    except CheckpointError:
        config = read_config(MODELS[model].config)
        torch.manual_seed(0)
        network = build_depth_model(**config.architecture).eval().requires_grad_(False)
        identity = (model, Path(RANDOM), RANDOM, config.architecture)
        return NetworkPredictor(network, config.transform, torch.device("cpu"), "float32", *identity)
    predictor = load_model(model, device="cpu", precision="float32")
    assert isinstance(predictor, NetworkPredictor)
    return predictor


def _photo(size: tuple[int, int], near: bool) -> np.ndarray:
    import cv2

    from mono.inference.accuracy import check_frames

    return cv2.resize(check_frames()[0 if near else -1].rgb, size, interpolation=cv2.INTER_CUBIC)


def _end_to_end(predictor: Predictor, photo: np.ndarray, count: int, threads: int) -> float:
    """Measure the time from JPEG files to depth PNGs [s]."""
    import PIL.Image

    from mono.data.camera_source import CameraResolver
    from mono.data.folder import find_images
    from mono.do_test import run
    from mono.runs.options import RunOptions
    from mono.runs.outputs import OutputOptions
    from mono.system.threads import workers_beside

    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder, "photos")
        photos.mkdir()
        for i in range(count):
            PIL.Image.fromarray(photo).save(photos / f"{i:05}.jpg", quality=92)
        options = RunOptions(
            Path(folder, "out"),
            OutputOptions(("depth",)),
            workers=workers_beside(threads),
            resolver=CameraResolver(fov_deg=_FIELD_OF_VIEW),
        )
        samples = find_images([str(photos)])
        started = time.perf_counter()
        summary = run(samples, predictor, options)
        seconds = time.perf_counter() - started
    if summary is None or summary.failures:
        raise MetricDepthError(f"an image failed: {summary.failures[0].reason if summary else 'no summary'}")
    return seconds


def _seconds_together(predictor: NetworkPredictor, inputs: Sequence[Tensor], alone: float) -> float:
    """Measure the network's time for each of as many images as a run gives it [s]."""
    batch = int(getattr(predictor.network, "best_batch", 1))
    if batch == 1:
        return alone
    times = []
    with torch.inference_mode(), predictor._autocast():
        for _ in range(5):
            started = time.perf_counter()
            predictor.network(*(x.repeat_interleave(batch, 0) for x in inputs))
            times.append(time.perf_counter() - started)
    return float(np.median(times)) / batch


def gflop(network: Network, inputs: Sequence[Tensor], is_chosen: bool) -> float:
    """Count the operations of a network for an image [GFLOP].

    Args:
        network: network in eager.
        inputs: the image and what belongs to it.
        is_chosen: parts that the image does not need are left out; else all are counted, as in graphs for any image.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.utils.flop_counter import FlopCounterMode

    # Shapes without numbers; weights are not copied.
    anything = contextlib.nullcontext() if is_chosen else FakeTensorMode(allow_non_fake_inputs=True)
    with anything, torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(*(inputs if is_chosen else [torch.empty_like(x) for x in inputs]))
    return counter.get_total_flops() / 1e9


def _peak_megabytes() -> int:
    status = Path("/proc/self/status")
    if status.is_file():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) // 1024
    if os.name == "posix":
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak // 2**20 if sys.platform == "darwin" else peak // 1024
    return 0


if __name__ == "__main__":
    main()
