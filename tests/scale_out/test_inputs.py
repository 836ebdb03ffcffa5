"""Images of folders and shards: none is left out in silence."""

import gzip
import io
import json
import logging
import os
import tarfile

import cv2
import numpy as np
import pytest

from mono.data.folder import find_images
from mono.scale_out import run
from mono.scale_out.run import plan_jobs, run_shards
from mono.system.errors import RunError
from tests.scale_out.toy import ToyMapper, jpeg, write_shards, write_tar

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def write_images(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(jpeg(1))
    return folder


def test_a_subfolder_that_cannot_be_listed_is_refused(tmp_path, monkeypatch):
    folder, scandir = write_images(tmp_path / "photos", "a.jpg", "closed/b.jpg"), os.scandir

    def closed(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(RunError, match=r"photos/closed: cannot be listed \(Permission denied\); check the access"):
        plan_jobs([str(folder)], tmp_path / "out")


def test_links_to_folders_are_passed_over_with_a_warning(tmp_path, caplog):
    folder = write_images(tmp_path / "photos", "a.jpg")
    (folder / "link").symlink_to(write_images(tmp_path / "elsewhere", "b.jpg"))
    with caplog.at_level(logging.WARNING):
        assert [job.names for job in plan_jobs([str(folder)], tmp_path / "out")] == [["a.jpg"]]
    assert f"{folder}: a link to a folder is passed over: {folder}/link; name it as an input" in caplog.text


@pytest.mark.parametrize("form", ["{}", "file://{}", "local://{}"])
def test_folders_of_another_program_are_inputs(tmp_path, form):
    """img2dataset names its files as a run names its results; only statistics of a run tell results."""
    folder = write_images(tmp_path / "laion", "00000/000000000.jpg", "00000/000000001.jpg")
    (folder / "00000.parquet").write_bytes(b"PAR1")
    (folder / "00000_stats.json").write_text('{"count": 2, "successes": 2}')
    if form.startswith("local"):
        pytest.importorskip("fsspec")
    (job,) = plan_jobs([form.format(folder)], tmp_path / "out")
    assert job.names == ["00000/000000000.jpg", "00000/000000001.jpg"]
    assert len(find_images([folder], recursive=True)) == 2
    run_shards([str(write_shards(tmp_path / "in", shards=1))], folder / "run", ToyMapper(), layout="files")
    assert json.loads((folder / "run/00000_stats.json").read_text())["status"] == "done"
    (job,) = plan_jobs([form.format(folder)], tmp_path / "out")
    assert len(job.names) == 2 and len(find_images([folder], recursive=True)) == 2


def errors(out, name):
    return {row["key"]: row["error"] for row in parquet.read_table(out / f"{name}.parquet").to_pylist()}


@pytest.mark.parametrize("layout", ["tar", "files"])
def test_keys_that_name_one_file_are_rows_with_a_reason(tmp_path, layout):
    (tmp_path / "in").mkdir()
    names = ("./a.jpg", "d//b.jpg", "a.jpg", "d/b.jpg", "d/./c.jpg")
    write_tar(tmp_path / "in/x.tar", [(name, jpeg(i, (48 + 8 * i, 40))) for i, name in enumerate(names)])
    report = run_shards([str(tmp_path / "in")], tmp_path / "out", ToyMapper(), layout=layout)
    assert (report.images, report.failed_images) == (5, 2)
    found = errors(tmp_path / "out", "x")
    assert "occurs twice" in found["a"] and "occurs twice" in found["d/b"]
    assert found["./a"] == found["d/./c"] == ""
    if layout == "tar":
        with tarfile.open(tmp_path / "out/x.tar") as tar:
            tar.extractall(tmp_path / "out/x", filter="data")
    width = {p.name: cv2.imread(str(p), cv2.IMREAD_UNCHANGED).shape[1] for p in (tmp_path / "out").rglob("*.depth.png")}
    assert width == {"a.depth.png": 48, "b.depth.png": 56, "c.depth.png": 80}  # of the first with each name


def test_keys_with_dots_name_files_of_their_own(tmp_path):
    keys = ["img.001", "img.002", "v1.2/x", "img_001", "./q", "q"]
    parquet.write_table(pyarrow.table({"key": keys, "image": [jpeg(i) for i in range(6)]}), tmp_path / "t.parquet")
    run_shards([str(tmp_path / "t.parquet")], tmp_path / "out", ToyMapper())
    found = errors(tmp_path / "out", "t")
    assert list(found) == keys and [key for key in keys if found[key]] == ["img_001", "q"]
    with tarfile.open(tmp_path / "out/t.tar") as tar:
        names = [name for name in tar.getnames() if name.endswith(".depth.png")]
        assert json.load(tar.extractfile("img_001.json"))["key"] == "img.001"
    assert names == ["img_001.depth.png", "img_002.depth.png", "v1.2/x.depth.png", "./q.depth.png"]


def test_damage_that_only_a_checksum_tells_is_found(tmp_path):
    (tmp_path / "in").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, 40_000, np.uint8).tobytes()
    data = bytearray(gzip.compress(write_tar(tmp_path / "x.tar", [("a.jpg", jpeg(1)), ("a.bin", noise)]).read_bytes()))
    (tmp_path / "in/whole.tgz").write_bytes(data)
    data[len(data) // 2] ^= 255  # in stored bytes: nothing else tells
    (tmp_path / "in/damaged.tgz").write_bytes(data)
    report = run_shards([str(tmp_path / "in")], tmp_path / "out", ToyMapper())
    assert (report.shards, report.failed_shards) == (1, 1) and "CRC check failed" in report.failed[0].reason
    assert report.failed[0].source.endswith("damaged.tgz") and not (tmp_path / "out/damaged.tar").exists()


def test_joined_tars_are_refused(tmp_path):
    a, b = (write_tar(tmp_path / f"{i}.tar", [(f"{i}.jpg", jpeg(i))]).read_bytes() for i in range(2))
    (tmp_path / "in").mkdir()
    (tmp_path / "in/joined.TAR").write_bytes(a + b)
    (tmp_path / "in/._joined.tar").write_bytes(a)  # as macOS leaves beside it
    report = run_shards([str(tmp_path / "in")], tmp_path / "out", ToyMapper())
    assert (report.shards, report.failed_shards) == (0, 1)
    assert "joined.TAR: goes on after its end" in report.failed[0].reason and "tar -A" in report.failed[0].reason


def test_links_in_a_tar_are_rows_with_a_reason(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for name, kind in (("a.jpg", tarfile.REGTYPE), ("b.jpg", tarfile.LNKTYPE), ("c.jpg", tarfile.SYMTYPE),
                           ("d.jpg", tarfile.REGTYPE), ("d.json", tarfile.SYMTYPE), ("e.jpg", tarfile.FIFOTYPE),
                           ("dir.jpg", tarfile.DIRTYPE), ("latest.v1", tarfile.SYMTYPE)):  # fmt: skip
            member, data = tarfile.TarInfo(name), jpeg(1)
            member.type, member.linkname = kind, "a.jpg"
            member.size = len(data) if kind == tarfile.REGTYPE else 0
            tar.addfile(member, io.BytesIO(data))
    report = run_shards([str(tmp_path / "x.tar")], tmp_path / "out", ToyMapper())
    assert (report.images, report.failed_images) == (5, 4)
    remedy = "write files in place of links (tar --hard-dereference -h)"
    assert errors(tmp_path / "out", "x") == {
        "a": "", "b": f"b.jpg is a link to a.jpg; {remedy}", "c": f"c.jpg is a link to a.jpg; {remedy}",
        "d": f"d.json is a link to a.jpg; {remedy}", "e": f"e.jpg is no regular file; {remedy}",
    }  # fmt: skip


def test_parts_whose_photos_are_gone_are_named(tmp_path, caplog):
    folder = write_images(tmp_path / "photos", *(f"{i}.jpg" for i in range(5)))
    run_shards([str(folder)], tmp_path / "out", ToyMapper(), layout="files", images_per_shard=2)
    write_shards(tmp_path / "in", shards=1)
    run_shards([str(tmp_path / "in")], tmp_path / "out", ToyMapper(), layout="files")
    assert json.loads((tmp_path / "out/report.json").read_text())["images"] == 10 and not caplog.text
    for i in range(3):
        (folder / f"{i}.jpg").unlink()
    with caplog.at_level(logging.WARNING):
        report = run_shards([str(folder)], tmp_path / "out", ToyMapper(), layout="files", images_per_shard=2)
    merged = json.loads((tmp_path / "out/report.json").read_text())
    assert (report.images, merged["images"], merged["shards"]) == (2, 7, 2)
    assert "2 parts are of former runs, whose photos are gone or in other parts now, as photos-00001" in caplog.text
    assert (tmp_path / "out/photos-00002/4.depth.png").is_file()  # named, and not removed


def test_more_shards_than_a_run_takes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "MOST_SHARDS", 3)
    assert len(plan_jobs(["{0..2}.tar"], tmp_path / "out")) == 3
    with pytest.raises(RunError, match="more than"):
        plan_jobs(["{0..3}.tar"], tmp_path / "out")
