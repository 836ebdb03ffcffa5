"""Toy mapper in an engine: python -m tests.scale_out.engine_runs ENGINE OUT."""

import json
import math
import os
import pickle
import signal
import sys
from pathlib import Path

from mono.scale_out.mapper import RESULT_COLUMNS
from tests.scale_out.toy import ToyMapper, jpeg, write_shards

COUNT = 12


def table():
    images = [jpeg(i) if i != 7 else b"damaged" for i in range(COUNT)]
    return {"key": [f"{i:02d}" for i in range(COUNT)], "image": images, "fx": [40.0 + i for i in range(COUNT)]}


def start_ray():
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    return ray


def in_ray(out):
    ray = start_ray()
    rows = [dict(zip(table(), values, strict=True)) for values in zip(*table().values(), strict=True)]
    data = ray.data.from_items(rows, override_num_blocks=4)
    pool = ray.data.ActorPoolStrategy(size=2)
    done = data.map_batches(ToyMapper, batch_size=2, compute=pool).take_all()
    from mono.scale_out.run import run_shards

    write_shards(out / "in", shards=2)
    run_shards([str(out / "in")], out / "out", ToyMapper(), engine="ray", workers=2)
    report = run_shards([str(out / "in")], out / "deadly", DeadlyMapper(), engine="ray", workers=1)
    (out / "deadly.json").write_text(json.dumps([report.shards, [vars(failure) for failure in report.failed]]))
    return done


class DeadlyMapper(ToyMapper):
    """Mapper whose process dies at one shard."""

    def __call__(self, batch, rank=None):
        if "000010000" in batch["key"]:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)


def in_datasets(out):
    import datasets
    import multiprocess

    multiprocess.set_start_method("spawn")
    data = datasets.Dataset.from_dict(table())
    options = {"batched": True, "batch_size": 5, "remove_columns": ["image"]}
    done = list(data.map(ToyMapper(), num_proc=2, with_rank=True, **options))
    streamed = list(data.to_iterable_dataset().map(ToyMapper(), **options))
    assert [row["depth"] for row in streamed] == [row["depth"] for row in done]
    return done


def in_spark(out):
    from pyspark.sql import SparkSession

    from mono.scale_out.spark import depth_columns

    session = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    rows = list(zip(*table().values(), strict=True))
    frame = session.createDataFrame(rows, "key string, image binary, fx double").repartition(3)
    depth_columns(frame, ToyMapper()).write.parquet(str(out / "table"))
    done = [row.asDict() for row in session.read.parquet(str(out / "table")).collect()]
    session.stop()
    numbers = [name for name, kind in RESULT_COLUMNS.items() if kind is float]
    missing = dict.fromkeys(numbers, math.nan)  # Spark reads NaN of pandas as null
    done = [row | {name: value for name, value in missing.items() if row[name] is None} for row in done]
    return [{name: bytes(v) if isinstance(v, bytearray) else v for name, v in row.items()} for row in done]


if __name__ == "__main__":
    engine, out = sys.argv[1], Path(sys.argv[2])
    rows = {"ray": in_ray, "datasets": in_datasets, "spark": in_spark}[engine](out)
    rows = [{name: row[name] for name in ("key", *RESULT_COLUMNS)} for row in sorted(rows, key=lambda r: r["key"])]
    (out / "rows.pickle").write_bytes(pickle.dumps(rows))
    (out / "done.json").write_text(json.dumps(len(rows)))
