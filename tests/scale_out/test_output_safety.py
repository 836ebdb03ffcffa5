"""What lies in the output folder stays, unless a run has written it and writes it anew."""

import json
import os
import shutil
import tarfile

import pytest

from mono.scale_out import jobs, results
from mono.scale_out.jobs import process_shard
from mono.scale_out.results import ShardJob
from mono.scale_out.run import run_shards
from mono.system.errors import RunError
from tests.scale_out.toy import ToyMapper, jpeg, write_shards, write_tar

pyarrow = pytest.importorskip("pyarrow")
FOREIGN = "is not known as a result of this command, and would be replaced: move it, or choose another"


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def results_of(folder):
    return {name: data for name, data in content(folder).items() if name not in (".lock", "report.json")}


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("layout", ["tar", "parquet", "files"])
def test_results_stay_where_an_input_cannot_be_read(tmp_path, layout, overwrite):
    fsspec, out = pytest.importorskip("fsspec"), tmp_path / "out"
    folder = write_shards(tmp_path / "in", shards=2)
    memory, base = fsspec.filesystem("memory"), f"/{tmp_path.name}"
    memory.put(f"{folder}/00001.tar", f"{base}/00001.tar")
    inputs = [str(folder / "00000.tar"), f"memory:/{base}/00001.tar"]
    run_shards(inputs, out, ToyMapper(), layout=layout)
    before = results_of(out)
    (folder / "00000.tar").unlink()
    memory.rm(f"{base}/00001.tar")
    report = run_shards(inputs, out, ToyMapper(), layout=layout, overwrite=overwrite)
    assert (report.shards, report.failed_shards) == (0, 2) and results_of(out) == before
    assert all(failure.reason.endswith("; its former results stay") for failure in report.failed)
    write_shards(folder, shards=1)
    assert run_shards(inputs[:1], out, ToyMapper(), layout=layout).kept == 1


def test_results_stay_where_an_input_was_damaged(tmp_path):
    folder = write_shards(tmp_path / "in", shards=1)
    run_shards([str(folder)], tmp_path / "out", ToyMapper())
    before = results_of(tmp_path / "out")
    (folder / "00000.tar").write_bytes(b"damaged" * 999)
    report = run_shards([str(folder)], tmp_path / "out", ToyMapper())
    assert "not a tar" in report.failed[0].reason and report.failed[0].reason.endswith("; its former results stay")
    assert results_of(tmp_path / "out") == before


def test_results_of_another_input_of_the_same_name_stay(tmp_path):
    for seed, name in enumerate(("a", "b")):
        (tmp_path / name).mkdir()
        write_tar(tmp_path / name / "00000.tar", [("x.jpg", jpeg(seed))])
    out, given = tmp_path / "out", [[str(tmp_path / name / "00000.tar")] for name in ("a", "b")]
    run_shards(given[0], out, ToyMapper())
    before = results_of(out)
    report = run_shards(given[1], out, ToyMapper())
    assert "a/00000.tar, another input of the same name, and would be replaced" in report.failed[0].reason
    assert results_of(out) == before
    assert run_shards(given[1], out, ToyMapper(), overwrite=True).failed_shards == 0 and results_of(out) != before
    shutil.move(tmp_path / "b/00000.tar", tmp_path / "a/00000.tar")
    assert run_shards(given[0], out, ToyMapper()).kept == 1  # moved, and the same


def test_results_stay_where_photos_have_become_unreadable(tmp_path, monkeypatch):
    folder, out, access = tmp_path / "photos", tmp_path / "out", os.access
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(jpeg(1))
    (folder / "gone.jpg").symlink_to("nothing.jpg")
    assert run_shards([str(folder)], out, ToyMapper()).failed_images == 1
    before = results_of(out)
    os.utime(folder / "a.jpg", (1, 1))
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith("b.jpg") and access(path, mode))
    report = run_shards([str(folder)], out, ToyMapper())
    assert "2 of its files cannot be read, as b.jpg; check the access" in report.failed[0].reason
    assert results_of(out) == before
    monkeypatch.undo()
    (folder / "a.jpg").write_bytes(jpeg(2))  # the one that was unreadable before does not hold the others up
    report = run_shards([str(folder)], out, ToyMapper())
    assert (report.shards, report.kept, report.images, report.failed_images) == (1, 0, 3, 1)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    ("layout", "name"),
    [
        ("tar", "00000.tar"), ("tar", "00000.parquet"), ("parquet", "00000.parquet"), ("tar", "00000_stats.json"),
        ("files", "00000/labels/1.json"), ("files", "00000/my.mask.png"), ("files", "00000"),
    ],
)  # fmt: skip
def test_files_of_others_are_refused(tmp_path, layout, name, overwrite):
    folder, out = write_shards(tmp_path / "in", shards=2), tmp_path / "out"
    (out / name).parent.mkdir(parents=True)
    (out / name).write_bytes(b'{"count": 1, "successes": 1}')
    report = run_shards([str(folder)], out, ToyMapper(), layout=layout, overwrite=overwrite)
    assert (report.shards, report.failed_shards) == (1, 1)
    assert report.failed[0].reason.startswith(f"{out}/{name} {FOREIGN}")
    assert {n: data for n, data in results_of(out).items() if n.startswith("00000")} == {
        name: b'{"count": 1, "successes": 1}'
    }
    merged = json.loads((out / "report.json").read_text())
    assert (merged["shards"], merged["failed_shards"]) == (1, 0)  # another program's statistics are none of its own


@pytest.mark.parametrize("change", ["input", "settings", "layout", "damage"])
def test_files_put_into_a_folder_of_results_stay(tmp_path, change):
    folder, out = write_shards(tmp_path / "in", shards=1), tmp_path / "out"
    run_shards([str(folder)], out, ToyMapper(), layout="files")
    (out / "00000/labels").mkdir()
    (out / "00000/labels/000000000.json").write_bytes(b"")
    before = results_of(out)
    if change == "input":
        write_tar(folder / "00000.tar", [("new.jpg", jpeg(7))])
    if change == "damage":
        (folder / "00000.tar").write_bytes(b"damaged")
    mapper = ToyMapper(depth_scale=200) if change == "settings" else ToyMapper()
    layout = "tar" if change == "layout" else "files"
    report = run_shards([str(folder)], out, mapper, layout=layout, overwrite=change in ("settings", "layout"))
    assert report.failed[0].reason.startswith(f"{out}/00000/labels/000000000.json {FOREIGN}")
    assert results_of(out) == before
    shutil.rmtree(out / "00000/labels")
    report = run_shards([str(folder)], out, mapper, layout=layout, overwrite=change in ("settings", "layout"))
    assert report.shards == (change != "damage")


@pytest.mark.parametrize("text", ['{"mine": 1}', "[1]", "[" * 100_000], ids=["object", "list", "too-nested"])
def test_a_report_of_others_is_refused(tmp_path, text):
    folder, out = write_shards(tmp_path / "in", shards=1), tmp_path / "out"
    out.mkdir()
    (out / "report.json").write_text(text)
    with pytest.raises(RunError, match=r"out/report.json is no report of this command, and would be replaced: move"):
        run_shards([str(folder)], out, ToyMapper())
    assert results_of(out) == {} and (out / "report.json").read_text() == text


@pytest.mark.parametrize("layout", ["tar", "files"])
@pytest.mark.parametrize("appeared", [0, 1, 2])
def test_results_of_a_killed_process_are_made_again(tmp_path, monkeypatch, layout, appeared):
    """The process dies before its results appear, between them, and before the statistics."""
    folder, out = write_shards(tmp_path / "in", shards=1), tmp_path / "out"
    job = ShardJob(str(folder / "00000.tar"), out, "00000", layout=layout)
    process_shard(job, ToyMapper())
    write_stats, replaced = jobs._write_stats, []
    write_tar(folder / "00000.tar", [("new.jpg", jpeg(7)), ("x/y.jpg", jpeg(8))])
    process_shard(ShardJob(job.source, tmp_path / "whole", "00000", layout=layout), ToyMapper())
    wanted = results_of(tmp_path / "whole")

    class Killed(BaseException):
        pass

    writing = type(results.output_folder(out)).writing

    def watched(self, name, *, folder=False):
        if not name.endswith("_stats.json"):
            return _Watched(writing(self, name, folder=folder))
        return writing(self, name, folder=folder)

    class _Watched:
        def __init__(self, inner):
            self.inner = inner

        def __enter__(self):
            return self.inner.__enter__()

        def __exit__(self, *error):
            if error[0] is None and len(replaced) == appeared:
                self.inner.__exit__(Killed, Killed(), None)
                raise Killed
            replaced.append(1)
            return self.inner.__exit__(*error)

    def last(job, out, stats):
        if stats["status"] == "done" and appeared == 2:
            raise Killed
        write_stats(job, out, stats)

    with monkeypatch.context() as patch:
        patch.setattr(type(results.output_folder(out)), "writing", watched)
        patch.setattr(jobs, "_write_stats", last)
        with pytest.raises(Killed):
            process_shard(job, ToyMapper())
    assert json.loads((out / "00000_stats.json").read_text())["status"] == "unfinished"
    assert process_shard(job, ToyMapper())["status"] == "done"
    got = results_of(out)
    assert got.keys() == wanted.keys()
    assert {n: d for n, d in got.items() if "stats" not in n} == {n: d for n, d in wanted.items() if "stats" not in n}
    if layout == "tar":
        with tarfile.open(out / "00000.tar") as tar:
            assert len(tar.getnames()) == 6
