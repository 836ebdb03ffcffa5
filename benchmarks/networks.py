"""Time forward passes of networks with random weights, each in its own process.

python benchmarks/networks.py [MODEL[:ITERATIONS] ...] [--precision float32 bfloat16] [--runs 5] [--threads 2]
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

DEFAULT = ("convnext_tiny", "vit_small:1", "vit_small:2", "vit_small:4", "vit_small:8")


def peak_memory() -> int:
    """Return the process's peak resident memory [MB]."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def measure(model: str, precision: str, runs: int, threads: int) -> dict:
    """Measure one network and print its row."""
    import torch

    from mono.config import read_config
    from mono.model.checkpoint import load_tensors
    from mono.model.depth_model import build_depth_model
    from mono.model.zoo import MODELS

    torch.set_num_threads(threads)
    name, _, iterations = model.partition(":")
    options = {"model.decoder.iterations": int(iterations)} if iterations else {}
    config = read_config(MODELS[name].config, options)
    network = build_depth_model(**config.architecture)
    if precision != "float32":
        half = dict.fromkeys(network.half_weights(), getattr(torch, precision))
        load_tensors(network, network.state_dict(), Path(name), name, dtypes=half)
    network = network.eval().requires_grad_(False)
    image = torch.randn(1, 3, *config.transform.crop_size)
    times = []
    enabled = precision != "float32"
    for _ in range(runs + 1):
        started = time.perf_counter()
        with torch.inference_mode(), torch.autocast("cpu", getattr(torch, precision) if enabled else None, enabled):
            network(image)
        times.append(1000 * (time.perf_counter() - started))
    times = sorted(times[1:])
    return {
        "size": "x".join(map(str, config.transform.crop_size)),
        "iterations": config.iterations,
        "median": statistics.median(times),
        "range": (times[0], times[-1]),
        "memory": peak_memory(),
    }


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=DEFAULT)
    parser.add_argument("--precision", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measure(args.models[0], args.precision[0], args.runs, args.threads)))
        return
    print("| network | input | iterations | precision | ms, median (range) | peak memory of the process [MB] |")
    print("|---|---|---|---|---|---|")
    for model in args.models:
        for precision in args.precision:
            options = ["--precision", precision, "--runs", str(args.runs), "--threads", str(args.threads)]
            command = [sys.executable, __file__, "--child", model, *options]
            answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            found = json.loads(answer.splitlines()[-1])
            low, high = found["range"]
            print(
                f"| {model.partition(':')[0]} | {found['size']} | {found['iterations'] or '-'} | {precision} "
                f"| {found['median']:.0f} ({low:.0f}-{high:.0f}) | {found['memory']} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
