"""Whole predictions on a GPU, for gpu.py: photos, the command line from JPEG to PNG, and robustness."""

from __future__ import annotations

import contextlib
import io
import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from gpu_networks import Exact, infer, inputs, kept, load, size_of

from mono import Camera

if TYPE_CHECKING:
    from gpu import Bench, Findings

PHOTOS = sorted((Path(__file__).resolve().parents[1] / "data" / "wild_demo").glob("*.jpg"))
FOV = 60.0  # [deg], of all photos


def read_photos(size: tuple[int, int] | None = None) -> list[np.ndarray]:
    """Return the demo photos as RGB arrays, resized to (width, height) if given."""
    photos = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in PHOTOS]
    return [cv2.resize(photo, size) for photo in photos] if size else photos


def predict(predictor: Any, photo: np.ndarray) -> np.ndarray:
    """Return the metric depth of a photo with a known field of view."""
    return predictor.predict(photo, Camera.from_fov(FOV, photo.shape[1], photo.shape[0])).depth


def differs(depth: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest depth difference as a share of the largest depth."""
    return float(np.abs(depth - expected).max() / expected.max())


def photos(bench: Bench) -> None:
    """Compare whole predictions of photos with the CPU's, in each precision."""

    def check(found: Findings) -> None:
        with Exact():
            exact = kept(bench, "lite")
            depths = [predict(exact, photo) for photo in read_photos()]
            if not bench.dry:
                on_cpu = load(bench, "lite", device="cpu")
                expected = [predict(on_cpu, photo) for photo in read_photos()]
                found.bound("cpu_max", max(map(differs, depths, expected)), 1e-3)
        for precision in ("float16", "bfloat16"):
            half = kept(bench, "lite", precision)
            ratios = []
            for photo, depth in zip(read_photos(), depths, strict=True):
                other = predict(half, photo)
                both = (depth > 0) & (other > 0)  # sky has none
                ratios.append(np.abs(other[both] / depth[both] - 1))
            found.bound(f"{precision}_median", float(np.median(np.concatenate(ratios))), 5e-3)

    bench.item("parity", "lite, predict of photos", 4, check)


def each_ms(work: Callable[[Any], Any], items: list[Any], threads: int = 1) -> float:
    """Return milliseconds an item, after a first item that is not counted."""
    work(items[0])
    begun = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, items))
    return 1000 * (time.perf_counter() - begun) / len(items)


def pipeline(bench: Bench, precision: str) -> None:
    """Measure `metricdepth predict` from 1080p JPEG to depth PNG, and each part of it alone."""
    count, batch = (6, 2) if bench.dry else (320, 16)
    folder = bench.folder / "photos"

    def write_photos() -> None:
        folder.mkdir(exist_ok=True)
        for i, photo in enumerate(read_photos((1920, 1080))):
            cv2.imwrite(str(folder / f"{i:04}.jpg"), photo[..., ::-1])
        for i in range(len(PHOTOS), count):
            (folder / f"{i:04}.jpg").hardlink_to(folder / f"{i % len(PHOTOS):04}.jpg")

    def command(found: Findings) -> None:
        from mono.cli.main import main

        if not folder.is_dir():
            write_photos()
        for save in ("none", "depth"):
            flags = ["--model", "lite", "--device", bench.device, "--precision", precision, "--save", save]
            flags += ["--batch-size", str(batch), "--fov-deg", str(FOV), "--overwrite"]
            flags += ["--out", str(bench.folder / f"out_{save}")]
            begun = time.perf_counter()
            with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.redirect_stderr(output):
                code = main(["predict", str(folder), *flags])
            each = (time.perf_counter() - begun) / count
            found.require(f"exit_code_{save}", code == 0, f"metricdepth predict: {output.getvalue()[-300:]}")
            found[f"images_per_s_save_{save}"] = 1 / each

    def parts(found: Findings) -> None:
        if not folder.is_dir():
            write_photos()
        files = sorted(folder.glob("*.jpg"))[: 6 if bench.dry else 64]
        found["opencv_decode_ms"] = each_ms(lambda path: cv2.imread(str(path)), files)
        found["opencv_decode_8_threads_ms"] = each_ms(lambda path: cv2.imread(str(path)), files, 8)
        predictor = kept(bench, "lite", precision)
        large = read_photos((1920, 1080))
        found["predict_array_ms"] = each_ms(lambda photo: predict(predictor, photo), large * (1 if bench.dry else 4))
        image = inputs(predictor, 1, *size_of(bench, "lite")).repeat(batch, 1, 1, 1)
        found["network_in_batches_ms"] = 1000 * bench.rate(lambda: infer(predictor, image)) / batch
        from mono.io.depth import write_depth

        depths = [predict(predictor, photo) for photo in large]
        found["write_png_ms"] = each_ms(lambda depth: write_depth(bench.folder / "depth.png", depth), depths)

    def jpeg(found: Findings) -> None:
        from torchvision.io import ImageReadMode, decode_jpeg

        data = [torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8) for path in sorted(folder.glob("*"))]
        data = data[: 4 if bench.dry else 64]

        def decode() -> Any:
            return decode_jpeg(data, mode=ImageReadMode.RGB, device=bench.device)

        found["images_per_s"] = len(data) / bench.rate(decode)
        found["shape"] = tuple(decode()[0].shape)

    bench.item("pipeline", f"predict, lite {precision}, {count} photos", 12, command)
    bench.item("pipeline", "parts alone, 1080p", 6, parts)
    bench.item("pipeline", "torchvision decode_jpeg", 4, jpeg)


def robustness(bench: Bench) -> None:
    """Check threads, streams, memory over many predictions, out-of-memory messages and training."""
    bench.item("robustness", "several threads, one model", 4, lambda found: threads(bench, found))
    if not bench.dry:
        bench.item("robustness", "two streams", 4, lambda found: streams(bench, found))
    bench.item("robustness", "out of memory", 4, lambda found: out_of_memory(bench, found))
    bench.item("robustness", "training, 3 steps", 8, lambda found: training(bench, found))
    bench.item("robustness", "memory over many predictions", 12, lambda found: memory(bench, found))


def threads(bench: Bench, found: Findings) -> None:
    """Predict in several threads at once and compare with one after another."""
    predictor = kept(bench, "lite")
    many = read_photos() * (1 if bench.dry else 4)
    expected = [predict(predictor, photo) for photo in many]
    with ThreadPoolExecutor(4) as pool:
        depths = list(pool.map(lambda photo: predict(predictor, photo), many))
    found.bound("max", max(map(differs, depths, expected)), 1e-4)
    found["equal_bits"] = all(map(np.array_equal, depths, expected))


def streams(bench: Bench, found: Findings) -> None:
    """Run two streams at once, each in a thread, and compare with the default stream."""
    predictor = kept(bench, "lite")
    many = read_photos() * 4
    expected = [predict(predictor, photo) for photo in many]

    def work(half: int) -> list[np.ndarray]:
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            return [predict(predictor, photo) for photo in many[half::2]]

    with ThreadPoolExecutor(2) as pool:
        halves = list(pool.map(work, (0, 1)))
    pairs = [(d, e) for half in (0, 1) for d, e in zip(halves[half], expected[half::2], strict=True)]
    found.bound("max", max(differs(d, e) for d, e in pairs), 1e-4)
    found["equal_bits"] = all(np.array_equal(d, e) for d, e in pairs)


def memory(bench: Bench, found: Findings) -> None:
    """Predict images of many sizes and see whether memory grows after the first of each."""
    predictor = kept(bench, "lite")
    sizes = [(640, 480), (480, 640), (1242, 375), (1024, 768), (1920, 1080), (300, 400), (777, 555), (960, 540)]
    rounds = 2 if bench.dry else 25
    many, seen = [read_photos(size)[i % len(PHOTOS)] for i, size in enumerate(sizes)], []
    for _ in range(rounds):
        for photo in many:
            predict(predictor, photo)
        allocated = 0 if bench.dry else torch.cuda.memory_allocated()
        reserved = 0 if bench.dry else torch.cuda.memory_reserved()
        seen.append((allocated, reserved, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))
    found["predictions"] = rounds * len(sizes)
    for name, first, last in zip(("allocated", "reserved", "resident_peak"), seen[rounds // 2], seen[-1], strict=True):
        found.bound(f"{name}_growth_mib", (last - first) / 2**20, 64)
        found[f"{name}_mib"] = last / 2**20


def out_of_memory(bench: Bench, found: Findings) -> None:
    """Take the memory away and see that the message tells what to do, and that the model works again afterwards."""
    predictor = kept(bench, "lite")
    photo = read_photos((1920, 1080))[0]
    expected = predict(predictor, photo)
    camera = Camera.from_fov(FOV, 1920, 1080)

    class Exhausted(torch.nn.Module):
        def forward(self, *_: Any) -> Any:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    starved = replace(predictor, network=Exhausted()) if bench.dry else predictor
    if not bench.dry:
        torch.cuda.empty_cache()
        share = (torch.cuda.memory_reserved() + 2**26) / torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(share)
    try:
        starved.predict_batch([photo] * 64, [camera] * 64)
        message, kind = "", "no error"
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        message, kind = str(error), type(error).__name__
    finally:
        if not bench.dry:
            torch.cuda.set_per_process_memory_fraction(1.0)
    found |= {"error": kind, "message": message[:300]}
    found.require("says_what_to_do", "batch" in message, f"{kind} does not say what to do: {message[:100]}")
    found.bound("works_again_max", differs(predict(predictor, photo), expected), 1e-4)


def training(bench: Bench, found: Findings) -> None:
    """Train three steps; the first one's losses and gradient norm are the CPU's, in bfloat16 all is finite."""
    from mono.config import read_config
    from mono.training.data.batch import Batch
    from mono.training.recipe import read_recipe
    from mono.training.schedule import Run
    from mono.training.trainer import Trainer

    config = read_config("lite.py")
    weights = load(bench, "lite", device="cpu").checkpoint
    recipe = replace(read_recipe("lite"), init="")
    height, width = (64, 96) if bench.dry else (288, 352)
    generator = torch.Generator().manual_seed(0)
    ramp = torch.linspace(1, 20, height)[:, None].expand(2, 1, height, width)
    batch = Batch(
        image=torch.randn(2, 3, height, width, generator=generator),
        target=ramp * (1 + 0.05 * torch.rand(2, 1, height, width, generator=generator)),
        intrinsics=torch.tensor([[320.0, 320.0, (width - 1) / 2, (height - 1) / 2]] * 2),
        factor=torch.ones(2),
        area=torch.tensor([[0, height, 0, width]] * 2),
        metric=torch.ones(2, dtype=torch.bool),
        measured=torch.ones(2, dtype=torch.bool),
    )

    def steps(device: str, precision: str, count: int) -> list[dict[str, float]]:
        run = Run(bench.folder / "train", start=weights, steps=3, device=device, precision=precision, workers=0)
        trainer = Trainer(config, recipe, run)
        return [trainer.update(batch) for _ in range(count)]

    with Exact():
        exact, expected = steps(bench.device, "float32", 3), steps("cpu", "float32", 1)[0]
    for name in ("loss", "norm"):
        found.bound(f"{name}_to_cpu", abs(exact[0][name] / expected[name] - 1), 1e-3 if name == "loss" else 1e-2)
    mixed = steps(bench.device, "bfloat16", 3)
    found["losses"] = [round(values["loss"], 4) for values in exact]
    found["losses_bfloat16"] = [round(values["loss"], 4) for values in mixed]
    finite = all(np.isfinite(list(values.values())).all() for values in exact + mixed)
    found.require("all_finite", finite, "a loss or gradient is not finite")
