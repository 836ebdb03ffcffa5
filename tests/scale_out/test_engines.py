"""Engines give the bytes and records of a plain call; each runs in a process of its own."""

import importlib.util
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mono.scale_out.run import run_shards
from tests.scale_out.engine_runs import table
from tests.scale_out.toy import ToyMapper, results

ROOT = Path(__file__).parents[2]
PACKAGES = {"ray": "ray", "datasets": "datasets", "spark": "pyspark"}


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.parametrize("engine", PACKAGES)
def test_an_engine_gives_the_bytes_of_a_plain_call(engine, tmp_path):
    if importlib.util.find_spec(PACKAGES[engine]) is None or importlib.util.find_spec("pyarrow") is None:
        pytest.skip(f"{PACKAGES[engine]} is not installed")
    if engine == "spark" and shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    environment = os.environ | {
        "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_DATASETS_CACHE": str(tmp_path / "cache"),
        "RAY_worker_niceness": "0", "PYSPARK_PYTHON": sys.executable, "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.scale_out.engine_runs", engine, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    got = pickle.loads((tmp_path / "rows.pickle").read_bytes())
    columns = ToyMapper()(table())
    expected = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    assert len(got) == len(expected) and [bool(row["error"]) for row in got].count(True) == 1
    for row, like in zip(got, expected, strict=True):
        assert repr(row) == repr({name: like[name] for name in row})  # NaN equals NaN
    if engine == "ray":
        run_shards([str(tmp_path / "in")], tmp_path / "plain", ToyMapper())
        assert results(tmp_path / "plain") == results(tmp_path / "out")
        shards, failed = json.loads((tmp_path / "deadly.json").read_text())
        assert shards == 1 and len(failed) == 1 and "died 5 times" in failed[0]["reason"]
