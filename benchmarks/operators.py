"""Profile a network by operator.

    python benchmarks/operators.py [--model lite] [--backend eager|openvino]

Runs the network alone with batch 1, like `metricdepth bench`; random weights if there is no checkpoint. Uses torch's
profiler for eager and OpenVINO's counters for openvino, which also name the kernels.
"""

import argparse
import datetime
import time
from collections import defaultdict
from dataclasses import replace

import numpy as np
import torch

from mono.backends.base import arrays_of, machine
from mono.benchmark.worker import predictor_of
from mono.geometry.camera import Camera
from mono.inference.autotune import job_of, with_backend
from mono.inference.predictor import Predictor


def of_torch(predictor: Predictor, image: torch.Tensor, runs: int) -> tuple[dict[str, float], float]:
    """Measure each operator and the total [ms per image] in torch."""
    from torch.profiler import ProfilerActivity, profile

    network = with_backend(predictor, "eager").network
    with torch.inference_mode(), predictor._autocast():
        network(image)
        began = time.perf_counter()
        for _ in range(runs):
            network(image)
        whole = 1000 * (time.perf_counter() - began) / runs
        with profile(activities=[ProfilerActivity.CPU]) as found:
            for _ in range(runs):
                network(image)
    return {e.key: e.self_cpu_time_total / 1000 / runs for e in found.key_averages()}, whole


def of_openvino(predictor: Predictor, image: torch.Tensor, runs: int) -> tuple[dict[str, float], float]:
    """Measure each operator and the total [ms per image] in OpenVINO."""
    import openvino

    from mono.conversion.tracing import captured

    job = job_of(predictor)
    model = openvino.convert_model(captured(job.network, job.input_size))
    arrays = arrays_of(image, None, job.uses_principal_point)
    model.reshape({i: list(a.shape) for i, a in enumerate(arrays)})
    hint = {"float32": "f32", "bfloat16": "bf16"}[predictor.precision]
    settings = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    plain, counted = (openvino.Core().compile_model(model, "CPU", settings | {"PERF_COUNT": c}) for c in (False, True))
    times, times_whole = defaultdict(float), []
    for _ in range(runs + 1):
        began = time.perf_counter()
        plain(arrays)
        times_whole.append(1000 * (time.perf_counter() - began))
    request = counted.create_infer_request()
    request.infer(arrays)
    for _ in range(runs):
        request.infer(arrays)
        for node in request.get_profiling_info():
            if str(node.status).endswith("EXECUTED"):
                times[f"{node.node_type} ({node.exec_type})"] += node.real_time.total_seconds() * 1000 / runs
    return dict(times), float(np.median(times_whole[1:]))


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="lite")
    parser.add_argument("--backend", default="eager", choices=("eager", "openvino"))
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument(
        "--size", default="640x480", help="photo size, with 60 degrees field of view (default: 640x480)"
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--top", type=int, default=12)
    args = parser.parse_args()
    predictor = replace(predictor_of(args.model), precision=args.precision)
    width, height = map(int, args.size.split("x"))
    view = predictor.transform.view(Camera.from_fov(60.0, width, height))
    gray = np.full((height, width, 3), 128, np.uint8)
    image = torch.from_numpy(view.image_to_input(gray)[None])
    find = of_torch if args.backend == "eager" else of_openvino
    times, whole = find(predictor, image, args.runs)
    size = f"{image.shape[2]}x{image.shape[3]}"
    where = f"{datetime.date.today()}, {machine()}, {torch.get_num_threads()} threads"
    print(f"{where}: {args.model}, {size}, {args.backend} {args.precision}, ", end="")
    print(f"{whole:.1f} ms an image without the profiler, {sum(times.values()):.1f} ms with it\n")
    print("| operator | ms | share |\n|---|---|---|")
    ordered = sorted(times.items(), key=lambda item: -item[1])
    others = sum(t for _, t in ordered[args.top :])
    for name, spent in [*ordered[: args.top], ("all others", others)]:
        print(f"| {name} | {spent:.1f} | {100 * spent / sum(times.values()):.1f} % |")


if __name__ == "__main__":
    main()
