"""Workers that die, and mappers that fail as none should."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from mono.scale_out import engines
from mono.scale_out.run import plan_jobs, run_shards
from tests.scale_out.toy import ToyMapper, jpeg, results, write_shards
from tests.warm_process import warm_context

pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def warm_workers(monkeypatch):
    """Workers are forked from a process that has imported torch."""
    context = warm_context()
    monkeypatch.setattr(engines.multiprocessing, "get_context", lambda _: context)


@pytest.mark.integration
@pytest.mark.usefixtures("warm_workers")
def test_killed_workers_lose_nothing_and_do_nothing_twice(tmp_path, monkeypatch):
    folder = write_shards(tmp_path / "in", shards=6, images=4)
    run_shards([str(folder)], tmp_path / "whole", ToyMapper())
    started, kills = [], []
    start = engines._start

    def remembered(mapper, rank):
        started.append(start(mapper, rank))
        return started[-1]

    monkeypatch.setattr(engines, "_start", remembered)

    def kill(stage, done, total):
        if len(kills) < 2:
            victims = [w for w in started if w.process.is_alive() and w.job]
            kills.append(victims[-1].process.pid)
            os.kill(kills[-1], signal.SIGKILL)

    report = run_shards([str(folder)], tmp_path / "out", ToyMapper(pause=0.02), workers=2, progress=kill)
    assert len(kills) == 2 and len(started) >= 3
    assert (report.shards, report.images, report.failed_shards) == (6, 24, 0)
    assert results(tmp_path / "out") == results(tmp_path / "whole")
    assert not list((tmp_path / "out").glob(".mono-*"))


class Deadly(ToyMapper):
    """Mapper whose process dies at one shard."""

    def __call__(self, batch, rank=None):
        if "000010000" in batch["key"]:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)


class Broken(ToyMapper):
    """Mapper that fails as no image should make it."""

    def __call__(self, batch, rank=None):
        raise KeyError("a bug")


@pytest.mark.integration
@pytest.mark.usefixtures("warm_workers")
def test_a_shard_that_kills_its_workers_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "ATTEMPTS", 2)
    folder = write_shards(tmp_path / "in", shards=3, images=2)
    jobs = plan_jobs([str(folder)], tmp_path / "out")
    stats = list(engines.run_in_processes(jobs, Deadly(), workers=1))
    assert sorted(one["shard"] for one in stats if one["status"] == "done") == ["00000", "00002"]
    assert ["died 2 times (signal 9)" in one["error"] for one in stats if one["status"] == "failed"] == [True]


@dataclass(frozen=True)
class Fragile(ToyMapper):
    """Mapper whose process dies once at each photo, and always at one; counts its calls in a folder."""

    calls: str = ""

    def __call__(self, batch, rank=None):
        calls = Path(self.calls, batch["key"][0])
        with calls.open("a") as file:
            file.write("x")
        if calls.stat().st_size == 1 or calls.name == "0":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)


@pytest.mark.integration
@pytest.mark.usefixtures("warm_workers")
def test_deaths_are_counted_for_each_part_of_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "ATTEMPTS", 3)
    for folder in ("photos", "calls"):
        (tmp_path / folder).mkdir()
    for i in range(5):
        (tmp_path / f"photos/{i}.jpg").write_bytes(jpeg(i))
    jobs = plan_jobs([str(tmp_path / "photos")], tmp_path / "out", images_per_shard=1)
    stats = {
        one["shard"]: one for one in engines.run_in_processes(jobs, Fragile(calls=str(tmp_path / "calls")), workers=2)
    }
    assert [stats[f"photos-{i:05d}"]["status"] for i in range(5)] == ["failed", *["done"] * 4]
    assert "the worker of photos-00000 died 3 times (signal 9)" in stats["photos-00000"]["error"]
    assert [(tmp_path / f"calls/{i}").stat().st_size for i in range(5)] == [3, 2, 2, 2, 2]


@pytest.mark.integration
def test_a_bug_reaches_the_first_process(tmp_path):
    folder = write_shards(tmp_path / "in", shards=1, images=2)
    with pytest.raises(RuntimeError, match="a bug"):
        list(engines.run_in_processes(plan_jobs([str(folder)], tmp_path / "other"), Broken(), workers=1))
