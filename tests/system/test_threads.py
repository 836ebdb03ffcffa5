import os
import subprocess
import sys
from pathlib import Path

import pytest

from mono.cli.model_options import with_fit
from mono.system.threads import share_cores, wait_briefly, workers_beside

ROOT = Path(__file__).parents[3]


def test_one_thread_is_the_networks_alone(monkeypatch):
    assert workers_beside(1) == 0
    assert [workers_beside(n) for n in (2, 4, 6, 100)] == [2, 2, 3, 8]
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    assert workers_beside(None) == 6
    with pytest.raises(ValueError, match="--threads is 0"):
        workers_beside(0)
    with pytest.raises(ValueError, match="--threads is 100000; it must be from 1 to 1024"):
        share_cores(100_000)


def test_idle_threads_wait_briefly_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    wait_briefly()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE" and os.environ["GOMP_SPINCOUNT"] == "10000"
    monkeypatch.delenv("OMP_WAIT_POLICY")
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    wait_briefly()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE" and os.environ["GOMP_SPINCOUNT"] == "7"
    monkeypatch.delenv("GOMP_SPINCOUNT")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    wait_briefly()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE" and "GOMP_SPINCOUNT" not in os.environ


def test_fit_is_a_config_value():
    assert with_fit({"a": 1}, None) == {"a": 1}
    assert with_fit({"a": 1}, "pad") == {"a": 1, "data_basic.fit": "pad"}


def test_threads_are_shared_out_in_a_process():
    code = """
import argparse, cv2, torch
from mono.cli import arguments
from mono.system.threads import share_cores
parser = argparse.ArgumentParser()
arguments.add_machine_flags(parser)
args = parser.parse_args(["--threads", "3", "--fit", "pad"])
share_cores(args.threads)
print(torch.get_num_threads(), cv2.getNumThreads(), args.fit)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "1", "pad"]


@pytest.mark.skipif(sys.platform != "linux", reason="torch's OpenMP is looked for on Linux")
def test_workers_compute_alone_and_all_other_threads_as_before():
    code = """
import threading, torch
from mono.system.prefetch import workers
from mono.system.threads import threads_within
torch.set_num_threads(3)
found, fresh = [], []
def note():
    torch.zeros(1 << 20).add_(1)
    found.append(torch.get_num_threads())
def start_others():  # while pools start
    for _ in range(100):
        other = threading.Thread(target=lambda: fresh.append(torch.get_num_threads()))
        other.start()
        other.join()
others = threading.Thread(target=start_others)
others.start()
for _ in range(30):
    with workers(2) as pool:
        pool.submit(int).result()
others.join()
assert set(fresh) == {3}, fresh
with workers(2) as pool:
    for _ in range(4):
        pool.submit(note).result()
    found.append(pool.submit(threads_within).result())
    other = threading.Thread(target=note)
    other.start()
    other.join()
    def nested():
        with workers(1) as inner:
            inner.submit(note).result()
            found.append(inner.submit(threads_within).result())
    pool.submit(nested).result()
note()
print(*found)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1"] * 4 + ["3", "3"] + ["1", "3"] + ["3"]
