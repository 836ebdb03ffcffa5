"""The same Parquet table of photos through each engine, as its users would write it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mono.scale_out.mapper import DepthMapper
from mono.scale_out.run import run_shards

WORKERS = 2


def run_engine(name: str, folder: Path, backend: str) -> dict[str, Any]:
    """Compute depth of FOLDER/in into FOLDER/NAME by an engine.

    Returns:
        Seconds with and without the start of the engine.
    """
    begun = time.perf_counter()
    mapper = DepthMapper(device="cpu", backend=backend)  # type: ignore[arg-type]
    ENGINES[name](folder / "in", folder / name, mapper)
    return {"seconds": round(time.perf_counter() - begun, 1)}


def in_processes(source: Path, out: Path, mapper: DepthMapper) -> None:
    """Run plain processes."""
    run_shards([str(source)], out, mapper, layout="parquet", workers=WORKERS)


def in_ray(source: Path, out: Path, mapper: DepthMapper) -> None:
    """Run Ray Data with two actors."""
    import ray
    import ray.data

    # one more than workers: reading and writing need one, too
    ray.init(num_cpus=WORKERS + 1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    options = {"device": mapper.device, "backend": mapper.backend}
    table = ray.data.read_parquet(str(source)).repartition(10 * WORKERS)  # small files come as one block
    pool = ray.data.ActorPoolStrategy(size=WORKERS)
    table.map_batches(DepthMapper, fn_constructor_kwargs=options, batch_size=32, compute=pool).write_parquet(str(out))


def in_spark(source: Path, out: Path, mapper: DepthMapper) -> None:
    """Run Spark with two local workers."""
    from pyspark.sql import SparkSession

    from mono.scale_out.spark import depth_columns

    settings = SparkSession.builder.master(f"local[{WORKERS}]").config("spark.ui.enabled", "false")
    session = settings.config("spark.sql.execution.arrow.maxRecordsPerBatch", "32").getOrCreate()
    depth_columns(session.read.parquet(str(source)), mapper).write.parquet(str(out))
    session.stop()


def in_datasets(source: Path, out: Path, mapper: DepthMapper) -> None:
    """Run Hugging Face datasets with two processes."""
    import datasets
    import multiprocess

    multiprocess.set_start_method("spawn")
    files = [str(path) for path in sorted(source.iterdir())]
    table = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(out / "cache"))
    options = {"batched": True, "batch_size": 32, "with_rank": True, "remove_columns": ["image"]}
    table.map(mapper, num_proc=WORKERS, **options).to_parquet(str(out / "depth.parquet"))


ENGINES: dict[str, Callable[[Path, Path, DepthMapper], None]] = {
    "processes": in_processes, "ray": in_ray, "spark": in_spark, "datasets": in_datasets,
}  # fmt: skip
