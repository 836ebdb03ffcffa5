"""Worker processes: they end with the process that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from metricdepth_scenes.workers import worker_pool

SCRIPT = """
import multiprocessing, time
from metricdepth_scenes.workers import worker_pool

if __name__ == "__main__":
    with worker_pool(2) as pool:
        jobs = [pool.submit(time.sleep, 300) for _ in range(2)]
        while not all(job.running() for job in jobs):
            time.sleep(0.05)
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)
        time.sleep(300)
"""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_its_parent(tmp_path, number: signal.Signals) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(tmp_path / "script.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        workers = [int(pid) for pid in process.stdout.readline().split()]
        assert len(workers) == 2 and all(map(is_alive, workers))
        process.send_signal(number)
        assert process.wait(30) == -number
    limit = time.monotonic() + 20
    while any(map(is_alive, workers)) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not any(map(is_alive, workers))


def test_workers_use_one_thread_and_the_environment_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with worker_pool(1) as pool:
        assert pool.submit(os.getenv, "OMP_NUM_THREADS").result(60) == "1"
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_an_error_in_the_block_cancels_what_waits() -> None:
    with pytest.raises(KeyError), worker_pool(1) as pool:
        jobs = [pool.submit(time.sleep, 0.2) for _ in range(20)]
        jobs[0].result(60)
        raise KeyError
    assert any(job.cancelled() for job in jobs)
