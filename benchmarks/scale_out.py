"""Measure runs over shards: engines, kills, memory, throughput, and a simulated cluster.

    python benchmarks/scale_out.py engines [--images 2000] [--backend openvino]
    python benchmarks/scale_out.py kills [--engine ray] [--kills 50] [--driver-kills 5] [--seed 0]
    python benchmarks/scale_out.py memory [--engine ray] [--images 10000 100000]
    python benchmarks/scale_out.py plan [--images 100000]
    python benchmarks/scale_out.py scaling [--engine ray] [--backend openvino]
    python benchmarks/scale_out.py sizes
    python benchmarks/scale_out.py cluster [--shards 2000] [--workers 64]

`engines` computes depth of the same photos by processes, Ray, Spark and datasets, and compares the rows. `kills` and
`memory` run real workers with a network of one operation. `scaling` and `sizes` need an otherwise idle machine.
`cluster` runs the real shard logic (resume, whole results, retry) on a simulated clock with stragglers and preemption.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import scale_out_data as data
from scale_out_cluster import cluster
from scale_out_engines import ENGINES, run_engine

from mono.scale_out.mapper import DepthMapper
from mono.scale_out.run import merge_stats, plan_jobs, run_shards

ROOT = data.ROOT
SCRATCH = os.environ.get("TMPDIR", "/tmp")
MB = 1 << 20


def child(*arguments: Any, **options: Any) -> subprocess.Popen[str]:
    """Start this script in a process of its own."""
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT}:{ROOT / 'benchmarks'}", "HF_HUB_OFFLINE": "1", "PYSPARK_PYTHON": sys.executable,
        "OMP_NUM_THREADS": "1", "RAY_worker_niceness": "0",  # as that of other engines: Ray takes 15
    }  # fmt: skip
    command = [sys.executable, __file__, *map(str, arguments)]
    return subprocess.Popen(command, env=environment | options, stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a process of this script, and read the figures that it printed last."""
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{process.args} ended with {process.returncode}: {output[-2000:]}")
    return json.loads(next(line for line in reversed(output.splitlines()) if line.startswith("{")))


def engines(images: int, backend: str, names: list[str], keep: str | None) -> None:
    """Compute the same photos by each engine with two workers; compare all rows with those of the first one.

    Photos and rows stay in the folder `keep`, and engines whose rows are there are not run again.
    """
    import pyarrow.parquet

    with contextlib.nullcontext(keep) if keep else tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        if not Path(folder, "in").exists():
            data.write_tables(Path(folder, "in"), data.photos(images), 100)
        expected: dict[str, str] = {}
        for name in names:
            done = Path(folder, f"{name}.json")
            if not done.exists():
                shutil.rmtree(Path(folder, name), ignore_errors=True)
                figure = finish(child("engine", "--engine", name, "--folder", folder, "--backend", backend))
                done.write_text(json.dumps(figure))
            files = sorted(Path(folder, name).rglob("*.parquet"))
            rows = [row for file in files for row in pyarrow.parquet.read_table(file).to_pylist()]
            columns = ("key", *data.RESULT_COLUMNS)
            texts = {r["key"]: repr([None if r[c] != r[c] else r[c] for c in columns]) for r in rows}
            expected = expected or texts
            same = sum(texts.get(key) == text for key, text in expected.items())
            figures = {
                "engine": name, "backend": backend, "rows": len(rows), "keys": len(texts),
                "errors": sum(bool(row["error"]) for row in rows), "identical_rows": same,
                "depth_mb": round(sum(len(row["depth"]) for row in rows) / 1e6, 2),
            } | json.loads(done.read_text())  # fmt: skip
            print(json.dumps(figures), flush=True)


def drive(folder: str, out: str, engine: str, workers: int, mapper: str, pause: float, backend: str) -> dict[str, Any]:
    """Run shards, and report this process's memory and the speed between the first and the last shards."""
    tiny = data.TinyMapper(device="cpu", pause=pause)
    chosen = {"fake": data.FakeMapper(), "tiny": tiny, "lite": DepthMapper(device="cpu", backend=backend)}[mapper]
    memory: dict[int, int] = {}
    times: list[float] = []

    def note(stage: str, done: int, total: int, /) -> None:
        times.append(time.perf_counter())
        if done in (1, total // 10, total // 2, total):
            memory[round(100 * done / total)] = _status("RssAnon")

    started = time.perf_counter()
    report = run_shards([folder], out, chosen, workers=workers, engine=engine, progress=note)  # type: ignore[arg-type]
    seconds = time.perf_counter() - started
    first, last = 2 * workers, len(times) - 1 - workers
    steady = 0.0
    if last > first:
        steady = (last - first) / (times[last] - times[first]) * report.images / report.shards
    return {
        "engine": engine, "workers": workers, "images": report.images, "failed_images": report.failed_images,
        "shards": report.shards, "kept": report.kept, "failed_shards": report.failed_shards,
        "seconds": round(seconds, 1), "images_per_second": round(steady, 2),
        "shard_seconds": round(report.seconds, 1), "mapper_seconds": round(report.mapper_seconds, 1),
        "busy_share": round(report.seconds / workers / (times[-1] - times[0]), 3) if len(times) > 1 else 0,
        "driver_peak_mb": _status("VmHWM"), "driver_anonymous_mb_at_percent": memory,
    }  # fmt: skip


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return round(int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024)


def memory(images: int, workers: int, engine: str, mapper: str) -> dict[str, Any]:
    """Run a driver over tiny images in a process of its own."""
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        contents = data.tiny_images() if mapper == "tiny" else [data.PIXEL]
        data.write_shards(Path(folder, "in"), images, 1000, contents)
        options = ("--engine", engine, "--workers", workers, "--mapper", mapper)
        return {"mapper": mapper} | finish(child("drive", "--folder", folder, *options))


def kills(count: int, driver_kills: int, workers: int, engine: str, seed: int) -> dict[str, Any]:
    """Kill random workers, and the first process, while they work; compare with an undisturbed run.

    A kill follows when one to three more shards are done, so that it hits work and not only the start of workers. After
    a kill of the first process the same command goes on, as a user would have it. Files that differ are kept.
    """
    import psutil

    generator = random.Random(seed)
    killed = drivers = runs = 0
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        shards, of, out = 6 * count, 4, Path(folder, "out")
        data.write_shards(Path(folder, "in"), shards * of, of, data.tiny_images())
        run_shards([f"{folder}/in"], Path(folder, "whole"), data.TinyMapper(device="cpu"))
        options = ("--engine", engine, "--workers", workers, "--mapper", "tiny", "--pause", 0.25)
        begun = time.perf_counter()
        figure: dict[str, Any] = {}
        while not figure:
            process, runs = child("drive", "--folder", folder, *options), runs + 1
            driver = psutil.Process(process.pid)
            done = _count(out)
            until = min(count, (drivers + 1) * count // (driver_kills + 1))  # workers killed before the next driver
            while process.poll() is None:
                time.sleep(0.02)
                if _count(out) < done + generator.randint(1, 3):
                    continue
                time.sleep(generator.uniform(0, 0.5))
                done = _count(out)
                stage = drivers < driver_kills and killed >= until
                targets = [driver] if stage else _workers(driver, engine) if killed < count else []
                if not targets:
                    continue
                victim = generator.choice(targets)
                family = driver.children(recursive=True) if stage else []
                try:
                    victim.send_signal(signal.SIGKILL)
                except psutil.NoSuchProcess:
                    continue
                drivers, killed = drivers + stage, killed + (not stage)
                if stage:
                    process.wait()
                    for orphan in psutil.wait_procs(family, timeout=10)[1]:  # Ray's agents; workers end themselves
                        orphan.kill()
                    break
            else:
                figure = finish(process)
        seconds = time.perf_counter() - begun
        whole = Path(folder, "whole")
        names = sorted(p.name for p in whole.iterdir() if p.suffix in (".tar", ".parquet"))
        there = [name for name in names if (out / name).is_file()]
        same = [name for name in there if (out / name).read_bytes() == (whole / name).read_bytes()]
        for name in sorted(set(names) - set(same)):
            print(name, "differs" if name in there else "is missing", file=sys.stderr)
            for kind, place in (("killed", out), ("whole", whole)):
                if (place / name).is_file():
                    shutil.copyfile(place / name, Path(SCRATCH, f"{kind}_{name}"))
        merged = merge_stats(out)
        extra = sorted(p.name for p in out.iterdir() if p.suffix in (".tar", ".parquet") and p.name not in names)
        left = [p.name for p in out.iterdir() if p.name.startswith(".mono")]
    return {
        "engine": engine, "worker_kills": killed, "driver_kills": drivers, "runs": runs, "shards": shards,
        "done": merged.shards, "images": merged.images, "expected_images": shards * of,
        "failed_images": merged.failed_images,
        "failed_shards": merged.failed_shards, "files": len(names), "identical_files": len(same),
        "unexpected_files": len(extra), "left_over": len(left), "seconds": round(seconds),
    }  # fmt: skip


def _count(out: Path) -> int:
    return sum(1 for _ in out.glob("*_stats.json"))


def _workers(driver: Any, engine: str) -> list[Any]:
    """Find the processes that work on shards below the first process."""
    import psutil

    found = []
    for process in driver.children(recursive=True):
        try:
            title = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if ("ray::" in title and "_RayWorker" in title) if engine == "ray" else "spawn_main" in title:
            found.append(process)
    return found


def plan(images: int) -> dict[str, Any]:
    """Measure what the list of work takes in the first process: of shards, and of images in a folder."""
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        photos = Path(folder, "photos")
        for i in range(images):
            path = photos / f"{i // 1000:04d}" / f"IMG_{i:08d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        tracemalloc.start()
        jobs = plan_jobs([str(photos)], Path(folder, "out"))
        by_image = tracemalloc.get_traced_memory()
        del jobs
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        jobs = plan_jobs([f"{folder}/{{00000..09999}}.tar"], Path(folder, "out"))
        by_shard = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    return {
        "images": images, "bytes_an_image_of_a_folder": round(by_image[0] / images, 1),
        "peak_bytes_an_image_of_a_folder": round(by_image[1] / images, 1), "bytes_a_shard": round(by_shard / len(jobs)),
    }  # fmt: skip


def scaling(engine: str, backend: str, images: int) -> list[dict[str, Any]]:
    """Measure images/s of one and of two workers over photos of 320 x 240 pixels, one thread each."""
    figures = []
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        rows = data.photos(20 * len(data.SIZES), faults=0)[:: len(data.SIZES)]
        data.write_shards(Path(folder, "in"), images, 20, [row["image"] for row in rows])
        for workers in (1, 2):
            out = Path(folder, f"out_{workers}")
            options = ("--engine", engine, "--workers", workers, "--mapper", "lite", "--backend", backend)
            figures.append({"backend": backend} | finish(child("drive", "--folder", folder, "--out", out, *options)))
            print(json.dumps(figures[-1]), flush=True)
    one, two = (figure["images_per_second"] for figure in figures)
    figures.append({"engine": engine, "backend": backend, "two_workers_of_twice_one": round(two / (2 * one), 3)})
    print(json.dumps(figures[-1]), flush=True)
    return figures


def sizes(seconds: float = 8.0) -> list[dict[str, Any]]:
    """Measure images/s of one core, the share of the network, and bytes an image, for some sizes."""
    import PIL.Image

    paths = sorted((ROOT / "data/wild_demo").glob("*.jpg"))
    figures = []
    for backend in ("openvino", "eager"):
        for size in ((320, 240), (640, 480), (1920, 1080)):
            images = [data.encode(PIL.Image.open(path).convert("RGB").resize(size)) for path in paths]
            mapper = DepthMapper(device="cpu", backend=backend)  # type: ignore[arg-type]
            predictor = mapper.predictor()
            infer, network = type(predictor).infer, 0.0

            def timed(self: Any, inputs: Any, infer: Any = infer) -> Any:
                nonlocal network
                begun = time.perf_counter()
                raw = infer(self, inputs)
                network += time.perf_counter() - begun
                return raw

            mapper({"image": images})
            type(predictor).infer = timed  # type: ignore[method-assign]
            begun, count, out, network = time.perf_counter(), 0, {}, 0.0
            while time.perf_counter() - begun < seconds:
                out, count = mapper({"image": images}), count + len(images)
            whole = time.perf_counter() - begun
            type(predictor).infer = infer  # type: ignore[method-assign]
            kilobytes = {name: round(sum(map(len, out[name])) / len(images) / 1000, 1) for name in ("depth", "mask")}
            figures.append(
                {"backend": backend, "size": f"{size[0]}x{size[1]}", "images_per_second": round(count / whole, 2),
                 "outside_network": round(1 - network / whole, 3),
                 "jpeg_kb": round(sum(map(len, images)) / len(images) / 1000, 1)} | kilobytes
            )  # fmt: skip
            print(json.dumps(figures[-1]), flush=True)
    return figures


def main() -> None:
    """Run one measurement and print its figures as JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = ("engines", "kills", "memory", "plan", "scaling", "sizes", "cluster", "engine", "drive")
    parser.add_argument("what", choices=names, metavar="|".join(names[:-2]))
    parser.add_argument("--images", type=int, nargs="+")
    parser.add_argument("--engine", default="ray", choices=ENGINES)
    parser.add_argument("--only", nargs="+", default=list(ENGINES), choices=ENGINES, help="engines to compare")
    parser.add_argument("--keep", metavar="DIR", help="folder for photos and rows of engines, to go on later")
    parser.add_argument("--backend", default="openvino")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--driver-kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of what is killed and when")
    parser.add_argument("--shards", type=int, default=2000)
    parser.add_argument("--mapper", default="tiny", choices=("tiny", "fake", "lite"))
    parser.add_argument("--pause", type=float, default=0.0, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--out", help=argparse.SUPPRESS)
    args = parser.parse_args()
    workers = args.workers or 2
    if args.what == "engines":
        engines((args.images or [2000])[0], args.backend, args.only, args.keep)
    elif args.what == "engine":
        print(json.dumps(run_engine(args.engine, Path(args.folder), args.backend)))
    elif args.what == "drive":
        out = args.out or f"{args.folder}/out"
        options = (args.engine, workers, args.mapper, args.pause, args.backend)
        print(json.dumps(drive(f"{args.folder}/in", out, *options)))
    elif args.what == "memory":
        for images in args.images or [10_000, 100_000]:
            print(json.dumps(memory(images, workers, args.engine, args.mapper)), flush=True)
    elif args.what == "kills":
        print(json.dumps(kills(args.kills, args.driver_kills, workers, args.engine, args.seed)))
    elif args.what == "plan":
        print(json.dumps(plan((args.images or [100_000])[0])))
    elif args.what == "scaling":
        scaling(args.engine, args.backend, (args.images or [1000])[0])
    elif args.what == "sizes":
        sizes()
    else:
        print(json.dumps(cluster(args.shards, args.workers or 64)))


if __name__ == "__main__":
    main()
