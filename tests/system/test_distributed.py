import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, Std
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from mono.cli.arguments import add_machine_flags
from mono.cli.main import main
from mono.cli.session import load_predictor
from mono.do_test import run
from mono.runs.options import RunOptions
from mono.system.distributed import Ranks, join_ranks
from mono.system.errors import RunError
from tests.golden.reference_values import reference_image
from tests.warm_process import warm_context

ROOT = Path(__file__).parents[2]


def test_one_process_is_its_own_rank(monkeypatch):
    for name in ("TORCHELASTIC_RUN_ID", "RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    ranks = join_ranks()
    assert ranks == Ranks(0, 1, 0) and ranks.gather("mine") == ["mine"]
    for launcher, message in (("pytorch", "no 'RANK'; start it with torchrun"), ("slurm", "srun"), ("mpi", "unknown")):
        with pytest.raises(ValueError, match=message):
            join_ranks(launcher)


def test_slurm_is_translated(monkeypatch):
    for name, value in {"PROCID": "0", "NTASKS": "1", "LOCALID": "3", "NODELIST": "n1"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_PORT"):
        monkeypatch.setenv(name, "9")
    assert join_ranks("slurm") == Ranks(0, 1, 3)


@pytest.fixture
def dataset(tmp_path):
    entries = []
    for i in range(7):
        PIL.Image.fromarray(reference_image(36, 48, i)).save(tmp_path / f"{i}.png")
        gt = np.random.default_rng(i).uniform(0.5, 9, (36, 48)).astype(np.float32)
        np.save(tmp_path / f"{i}.npy", gt)
        entries.append({"rgb": f"{i}.png", "depth": f"{i}.npy", "cam_in": [60, 60, 23.5, 17.5]})
    (tmp_path / "3.png").write_bytes(b"")
    (tmp_path / "a.json").write_text(json.dumps({"files": entries}))
    return tmp_path / "a.json"


def in_this_process(words, capfd, _):
    return {0: main(words)}, capfd.readouterr().out


def by_torchrun(words, _, logs):
    """What torchrun does, but for its processes: they are forked from one that has imported torch."""
    warm_context()
    where = {"rdzv_backend": "c10d", "rdzv_endpoint": "localhost:0", "run_id": "two", "monitor_interval": 0.05}
    where["logs_specs"] = DefaultLogsSpecs(str(logs), Std.OUT)
    config = LaunchConfig(1, 1, 2, max_restarts=0, start_method="forkserver", **where)
    codes = elastic_launch(config, main)(words)
    return codes, next(logs.glob("**/0/stdout.log")).read_text()


def by_command(words, *_):
    """The command `torchrun`, in a process of its own as its two are."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "mono"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*command, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return {0: done.returncode, 1: 0}, done.stdout


@pytest.mark.parametrize("launch", [by_torchrun, pytest.param(by_command, marks=pytest.mark.slow)])
def test_two_processes_equal_one_exactly(dataset, tiny_checkpoint, tmp_path, capfd, launch):
    def evaluate(launch, out):
        words = ["evaluate", dataset, "--model", "convtiny.0.3_150.py", "--checkpoint", tiny_checkpoint, "--out", out]
        words += ["--device", "cpu", "--save", "depth", "--options", "data_basic.crop_size=(64,96)"]
        codes, output = launch([str(word) for word in words], capfd, tmp_path / "logs")
        assert codes[0] == 1 and "3.png" in output
        return codes, json.loads((out / "metrics.json").read_text())

    one, single = evaluate(in_this_process, tmp_path / "one")
    two, double = evaluate(launch, tmp_path / "two")
    assert one == {0: 1} and two == {0: 1, 1: 0}  # the first tells of failures
    del single["run"], double["run"]
    assert double == single and single["images"] == 6
    records = [json.loads(line) for line in (tmp_path / "two" / "manifest.jsonl").read_text().splitlines()]
    assert sorted(r["name"] for r in records) == sorted(str(i) for i in range(7))
    assert not list((tmp_path / "two").glob("manifest.rank*"))
    for file in (tmp_path / "one" / "depth").iterdir():
        assert (tmp_path / "two" / "depth" / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("flag", ["auto", "fastest"])
def test_one_process_chooses_the_backend_for_all(monkeypatch, flag):
    message = []

    class Both(Ranks):
        def broadcast(self, value):
            if self.rank == 0:
                message.append(value)
            return message[-1]

    def load(model, *, precision, backend, **_):
        asked.append((precision, backend))
        return SimpleNamespace(precision="bfloat16", backend="openvino")

    parser = argparse.ArgumentParser()
    add_machine_flags(parser)
    monkeypatch.setattr("mono.inference.load.load_model", load)
    for rank, expected in ((0, (None, flag)), (1, ("bfloat16", "openvino"))):
        asked = []
        load_predictor(parser.parse_args(["--backend", flag]), "lite", None, Both(rank, 2))
        assert asked == [expected]


def test_processes_that_compute_otherwise_do_nothing(tmp_path, toy_predictor):
    class Other(Ranks):
        def broadcast(self, value):
            return value | {"precision": "bfloat16"}

    with pytest.raises(RunError, match="computes in float32 by eager, or with other settings, than process 0"):
        run([], toy_predictor, RunOptions(out=tmp_path / "out"), ranks=Other(1, 2))
