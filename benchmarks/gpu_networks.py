"""Networks on a GPU, for gpu.py: parity with float32, and throughput."""

from __future__ import annotations

import functools
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from reference_values import reference_image, reference_tensor
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import mono

if TYPE_CHECKING:
    from gpu import Bench, Findings

    from mono.inference.predictor import Predictor

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden"
TENSORS = json.loads((GOLDEN / "checkpoint_tensors.json").read_text())
FLOAT32_BOUND = 1e-3  # largest depth difference, as a share of the largest depth
HALF_BOUND = 0.005  # median relative depth difference, the library's accuracy bound of backends
# Made-up weights amplify rounding more than trained ones do: bfloat16 on CPUs differs by 0.1 to 2.6 %.
MADE_UP_BOUNDS = {"float16": HALF_BOUND, "bfloat16": 0.05}
SIZES = {"lite": (288, 384), "convnext_tiny": (544, 1216), "convnext_large": (544, 1216)}  # of the input; ViT: 616x1064
VIT_SIZE, DRY_SIZE = (616, 1064), (112, 168)


def names(bench: Bench) -> tuple[str, ...]:
    """Return the networks of the zoo that are checked, the giant not among them."""
    if bench.dry:
        return ("lite", "convnext_tiny", "vit_small")
    return ("lite", "convnext_tiny", "convnext_large", "vit_small", "vit_large")


def size_of(bench: Bench, name: str) -> tuple[int, int]:
    """Return the usual input size (height, width) in pixels; a small one in a dry run."""
    if bench.dry:
        return DRY_SIZE if name.startswith("vit") else (96, 160)
    return SIZES.get(name, VIT_SIZE)


@functools.cache
def checkpoint(folder: Path, name: str) -> Path | None:
    """Write made-up weights in the released format; None for the model whose weights ship."""
    if name not in TENSORS:
        return None

    def make(item: tuple[str, Any]) -> tuple[str, Tensor]:
        tensor, (_, dtype, shape) = item
        return tensor, torch.from_numpy(np.asarray(reference_tensor(tensor, tuple(shape), dtype), dtype))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        state = dict(pool.map(make, TENSORS[name].items()))
    path = folder / f"{name}.pth"
    torch.save({"model_state_dict": state}, path)
    return path


@functools.cache
def kept(bench: Bench, name: str, precision: str = "float32") -> Predictor:
    """Load a network once for all items that leave it as it is."""
    return load(bench, name, precision)


def load(bench: Bench, name: str, precision: str = "float32", device: str | None = None, **more: Any) -> Predictor:
    """Load a network with its shipped or made-up weights."""
    path = checkpoint(bench.folder, name)
    return mono.load_model(name, checkpoint=path, device=device or bench.device, precision=precision, **more)


def infer(predictor: Predictor, image: Tensor) -> Any:
    """Run the network as the predictor does, in its precision."""
    half = predictor.precision != "float32"
    dtype = getattr(torch, predictor.precision) if half else None
    with torch.inference_mode(), torch.autocast(predictor.device.type, dtype, half):
        return predictor.network(image)


def inputs(predictor: Predictor, count: int, height: int, width: int, seed: int = 5) -> Tensor:
    """Return normalized reference images (count, 3, height, width) on the predictor's device."""
    images = np.stack([reference_image(height, width, seed + i) for i in range(count)]).astype(np.float32)
    images = (images - np.float32(predictor.transform.mean)) / np.float32(predictor.transform.std)
    return torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).to(predictor.device)


def worst(depth: Tensor, expected: Tensor) -> float:
    """Return the largest depth difference as a share of the largest depth; NaN where a depth is not a number."""
    return float((depth.float().cpu() - expected.cpu()).abs().max() / expected.abs().max().cpu())


def median(depth: Tensor, expected: Tensor) -> float:
    """Return the median relative depth difference; NaN where any depth is not a number."""
    found = (depth.float() / expected - 1).abs()
    inside = (expected > expected.min()) & (expected < expected.max())  # made-up weights leave much at the range's ends
    return float(found[inside].median()) if bool(found.isfinite().all()) else float("nan")


class Exact:
    """Context without TF32 in matrix products and convolutions."""

    def __enter__(self) -> None:
        self.kept = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False

    def __exit__(self, *_: object) -> None:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = self.kept


def check_network(bench: Bench, name: str, found: Findings) -> None:
    """Compare a network with golden values, with the CPU, in batches and in half precision."""
    begun = time.perf_counter()
    checkpoint(bench.folder, name)
    found["make_weights_s"] = time.perf_counter() - begun
    begun = time.perf_counter()
    exact = kept(bench, name)
    found["load_s"] = time.perf_counter() - begun
    golden = next(iter(GOLDEN.glob(f"{name}_*_seed*.npz")), None)
    count, height, width, seed = 2, 96, 160, 5
    if golden:
        _, shape, tag = golden.stem.rsplit("_", 2)
        (count, height, width), seed = map(int, shape.split("x")), int(tag.removeprefix("seed"))
    image = inputs(exact, count, height, width, seed)
    with Exact():
        depth = infer(exact, image).depth
        if golden:
            expected = torch.from_numpy(np.load(golden)["prediction"])
            found.bound("float32_to_golden_max", worst(depth, expected), FLOAT32_BOUND)
        if not bench.dry and not name.endswith(("large", "giant2")):  # golden values are the CPU's too
            on_cpu = infer(load(bench, name, device="cpu"), image.cpu()).depth
            found.bound("float32_to_cpu_max", worst(depth, on_cpu), FLOAT32_BOUND)
        four = inputs(exact, 4, height, width, 31)
        singles = torch.cat([infer(exact, one[None]).depth for one in four])
        found.bound("batch_of_4_to_singles_max", worst(infer(exact, four).depth, singles), FLOAT32_BOUND)
        large = inputs(exact, 1, *size_of(bench, name))
        depth = infer(exact, large).depth
    found["depth_m"] = f"{float(depth.min()):.2f} to {float(depth.max()):.2f}"
    found.require("depth_varies", float(depth.std() / depth.mean()) > 1e-3, "depth is constant: nothing is compared")
    found.bound("tf32_median", median(infer(exact, large).depth, depth), HALF_BOUND)
    for precision, most in MADE_UP_BOUNDS.items():
        half = infer(kept(bench, name, precision), large).depth
        found.bound(f"{precision}_median", median(half, depth), most if name in TENSORS else HALF_BOUND)
        found[f"{precision}_max"] = worst(half, depth)


def parity(bench: Bench) -> None:
    """Check every network."""
    for name in names(bench):
        needs = 12 if name.endswith("large") else 4
        bench.item("parity", name, needs, functools.partial(check_network, bench, name))


def flops(bench: Bench, predictor: Predictor, image: Tensor) -> float:
    """Return the floating-point operations of one image; NaN for a compiled network that was not counted before."""
    if predictor.name not in bench.flops and predictor.backend == "eager":
        with FlopCounterMode(display=False) as counter:
            infer(predictor, image)
        bench.flops[predictor.name] = float(counter.get_total_flops())
    return bench.flops.get(predictor.name, float("nan"))


def speed(
    bench: Bench,
    predictor: Predictor,
    batch: int,
    found: Findings,
    layout: torch.memory_format | None = None,
) -> None:
    """Measure one network at one batch size."""
    size = size_of(bench, predictor.name)
    one = inputs(predictor, 1, *size)
    if layout is not None:
        predictor.network.to(memory_format=layout)  # type: ignore[attr-defined]
    image = one.repeat(batch, 1, 1, 1)
    if layout is not None:
        image = image.contiguous(memory_format=layout)
    operations = flops(bench, predictor, one)
    before = bench.start_memory()
    each = bench.rate(lambda: infer(predictor, image)) / batch
    found |= {"input": f"{size[0]}x{size[1]}", "images_per_s": 1 / each, "ms_per_image": 1000 * each}
    if not bench.dry:
        found["peak_memory_beside_weights_gib"] = (torch.cuda.max_memory_allocated() - before) / 2**30
    found |= {"gflop_per_image": operations / 1e9, "tflops": operations / each / 1e12}
    found["share_of_matrix_peak"] = operations / each / 1e12 / bench.peak


Cases = tuple[tuple[str, str, tuple[int, ...]], ...]  # (network, precision, batch sizes), in order of worth
DRY_CASES: Cases = (("convnext_tiny", "bfloat16", (1, 2)), ("vit_small", "bfloat16", (1,)), ("lite", "float32", (4,)))
FIRST: Cases = (
    ("convnext_large", "bfloat16", (1, 4, 16)),
    ("vit_large", "bfloat16", (1, 8)),
    ("lite", "float16", (1, 32, 128)),
)
MORE: Cases = (
    ("convnext_large", "float16", (1, 4, 16)),
    ("vit_small", "bfloat16", (1, 8)),
    ("vit_large", "float16", (8,)),
    ("lite", "float32", (1, 32)),
    ("convnext_tiny", "bfloat16", (16,)),
)


def throughput(bench: Bench, cases: Cases) -> None:
    """Measure networks as `load_model` gives them: eager, channels last."""

    def work(found: Findings, name: str, precision: str, batch: int) -> None:
        speed(bench, kept(bench, name, precision), batch, found)

    for name, precision, batches in cases:
        for batch in batches:
            one = functools.partial(work, name=name, precision=precision, batch=batch)
            bench.item("throughput", f"{name} {precision} batch {batch}", 4, one)


def variants(bench: Bench) -> None:
    """Measure what the library does not do by default: other layouts, cuDNN's search, torch.compile; then the giant."""
    name, batch = ("convnext_tiny", 1) if bench.dry else ("convnext_large", 4)

    def contiguous(found: Findings) -> None:
        speed(bench, load(bench, name, "bfloat16"), batch, found, torch.contiguous_format)

    def searched(found: Findings) -> None:
        torch.backends.cudnn.benchmark = True
        try:
            speed(bench, load(bench, name, "bfloat16"), batch, found)
        finally:
            torch.backends.cudnn.benchmark = False

    def compiled(found: Findings, network: str, precision: str, many: int) -> None:
        predictor = load(bench, network, precision, backend="compile")
        image = inputs(predictor, 1, *size_of(bench, network)).repeat(many, 1, 1, 1)
        begun = time.perf_counter()
        infer(predictor, image)
        bench.sync()
        found["compile_s"] = time.perf_counter() - begun
        speed(bench, predictor, many, found)

    bench.item("variants", f"{name} bfloat16 batch {batch}, NCHW layout", 5, contiguous)
    bench.item("variants", f"{name} bfloat16 batch {batch}, cudnn.benchmark", 8, searched)
    if bench.dry:
        return
    compiled_cases = (("convnext_large", "bfloat16", 4), ("lite", "float16", 32), ("vit_large", "bfloat16", 8))
    for network, precision, many in compiled_cases:
        work = functools.partial(compiled, network=network, precision=precision, many=many)
        bench.item("variants", f"{network} {precision} batch {many}, torch.compile", 60, work)
    bench.item("parity", "vit_giant2", 60, functools.partial(check_network, bench, "vit_giant2"))
