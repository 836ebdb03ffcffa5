import io
import json
import os
import resource
import tarfile
import threading
import time
from pathlib import Path

import pytest

from mono.cli.main import main
from mono.scale_out.jobs import process_shard
from mono.scale_out.results import ShardJob
from mono.scale_out.run import merge_stats, plan_jobs, run_shards
from mono.scale_out.samples import ShardError
from mono.scale_out.tar import read_tar
from mono.system.errors import RunError
from tests.scale_out.toy import ToyMapper, jpeg, results, write_shards, write_tar

parquet = pytest.importorskip("pyarrow.parquet")
ROOT = Path(__file__).parents[2]


def test_shards_become_shards(tmp_path):
    report = run_shards([str(write_shards(tmp_path / "in"))], tmp_path / "out", ToyMapper())
    assert (report.shards, report.images, report.failed_images, report.kept) == (3, 15, 0, 0)
    assert report.camera_sources == {"given": 15}
    with tarfile.open(tmp_path / "out/00001.tar") as tar:
        names = tar.getnames()
        assert names[:3] == ["000010000.depth.png", "000010000.mask.png", "000010000.json"] and len(names) == 15
        record = json.load(tar.extractfile("000010002.json"))
    assert record["fx"] == 42.0 and record["depth_scale"] == 1000 and record["error"] == "" and record["width"] == 48
    index = parquet.read_table(tmp_path / "out/00001.parquet").to_pylist()
    assert [row["key"] for row in index] == [f"00001{i:04d}" for i in range(5)]
    assert index[2] == {name: value for name, value in record.items() if name != "depth_scale"}
    merged = json.loads((tmp_path / "out/report.json").read_text())
    assert (merged["shards"], merged["images"], merged["camera_sources"]) == (3, 15, {"given": 15})
    assert sorted(p.name for p in (tmp_path / "out").iterdir() if not p.name.startswith(".")) == sorted(
        [f"0000{i}{s}" for i in range(3) for s in (".tar", ".parquet", "_stats.json")] + ["report.json"]
    )


def test_webdataset_and_datasets_read_the_shards(tmp_path):
    webdataset = pytest.importorskip("webdataset")
    run_shards([str(write_shards(tmp_path / "in", shards=1))], tmp_path / "out", ToyMapper())
    samples = list(webdataset.WebDataset(str(tmp_path / "out/00000.tar"), shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == [f"00000{i:04d}" for i in range(5)]
    assert {"depth.png", "mask.png", "json"} <= set(samples[0])
    datasets = pytest.importorskip("datasets")
    files = str(tmp_path / "out/00000.tar")
    rows = list(datasets.load_dataset("webdataset", data_files=files, split="train", streaming=True))
    assert len(rows) == 5 and rows[2]["json"]["fx"] == 42.0


def test_a_second_run_does_what_is_missing(tmp_path):
    write_shards(tmp_path / "in")
    run_shards([str(tmp_path / "in")], tmp_path / "out", ToyMapper())
    before, times = results(tmp_path / "out"), {p: p.stat().st_mtime_ns for p in (tmp_path / "out").glob("*.tar")}
    (tmp_path / "out/00000.tar").unlink()
    stats = tmp_path / "out/00001_stats.json"
    stats.write_text(stats.read_text().replace('"done"', '"unfinished"'))  # as a killed process leaves them
    report = run_shards([str(tmp_path / "in")], tmp_path / "out", ToyMapper())
    assert (report.shards, report.kept) == (3, 1) and results(tmp_path / "out") == before
    assert (tmp_path / "out/00002.tar").stat().st_mtime_ns == times[tmp_path / "out/00002.tar"]
    os.utime(tmp_path / "in/00000.tar")  # touched, and the same inside
    assert run_shards([str(tmp_path / "in")], tmp_path / "out", ToyMapper()).kept == 3
    write_tar(tmp_path / "in/00000.tar", [("new.jpg", jpeg(7))])
    assert run_shards([str(tmp_path / "in")], tmp_path / "out", ToyMapper()).kept == 2
    assert run_shards([str(tmp_path / "in")], tmp_path / "out", ToyMapper(depth_scale=200), overwrite=True).kept == 0
    assert run_shards([str(tmp_path / "in")], tmp_path / "out", ToyMapper(depth_scale=200, batch_size=2)).kept == 3
    assert run_shards([str(tmp_path / "in")], tmp_path / "out", ToyMapper(depth_scale=200), overwrite=True).kept == 0


def test_damaged_shards_have_a_clear_outcome(tmp_path):
    folder = write_shards(tmp_path / "in", shards=2)
    whole = (folder / "00001.tar").read_bytes()
    (folder / "cut_in_data.tar").write_bytes(whole[: 512 + 300])
    (folder / "cut_between.tar").write_bytes(whole[: whole.index(b"000010002.jpg")])
    (folder / "cut_in_header.tar").write_bytes(whole[: whole.index(b"000010002.jpg") + 100])
    (folder / "garbage.tar").write_bytes(b"\x01\x02" * 4000)
    (folder / "garbage_later.tar").write_bytes(whole[: whole.index(b"000010002.jpg")] + b"\xff" * 5000)
    (folder / "empty.tar").write_bytes(b"")
    (folder / "gzip_cut.tar.gz").write_bytes(b"\x1f\x8b\x08\x00" + bytes(40))
    report = run_shards([str(folder), str(tmp_path / "missing.tar")], tmp_path / "out", ToyMapper())
    assert (report.shards, report.failed_shards, report.images) == (2, 8, 10)
    reasons = {Path(failure.source).name: failure.reason for failure in report.failed}
    assert all("cut short or damaged after" in reasons[f"cut_{n}.tar"] for n in ("in_data", "between", "in_header"))
    assert "after 2 samples" in reasons["garbage_later.tar"]
    assert "not a tar" in reasons["garbage.tar"] and "not a tar" in reasons["empty.tar"]
    assert "gzip_cut.tar.gz" in reasons and "No such file" in reasons["missing.tar"]
    assert len(results(tmp_path / "out")) == 4
    assert not list((tmp_path / "out").glob(".mono-*"))
    (folder / "cut_in_data.tar").write_bytes(whole)  # copied again
    report = run_shards([str(folder)], tmp_path / "out", ToyMapper())
    assert (report.shards, report.kept, report.failed_shards) == (3, 2, 6)


def test_damaged_samples_are_rows_with_a_reason(tmp_path):
    files = [
        ("a.txt", b"no image"), ("b.jpg", b"no image"), ("c.jpg", jpeg(1)), ("c.json", b"{"), ("d.jpg", jpeg(2)),
        ("d.json", b'{"fx": "many"}'), ("e.jpg", jpeg(3)), ("e.jpg", jpeg(3)), ("../f.jpg", jpeg(4)),
        ("g.jpg", jpeg(5)), ("h.jpg", jpeg(6)), ("g.jpg", jpeg(5)), ("README", b"x"), (".jpg", jpeg(1)),
        ("dir/i.JPG", jpeg(7)), ("j.png", b""), ("k.json", b"[1]"), ("k.webp", jpeg(8)), ("l\udcff.jpg", jpeg(9)),
        ("ä" * 120 + ".jpg", jpeg(10)), ("m.depth.png", b"depth"), ("m.jpg", jpeg(11)),
    ]  # fmt: skip
    write_tar(tmp_path / "x.tar", files)
    stats = process_shard(ShardJob(str(tmp_path / "x.tar"), tmp_path / "out", "x"), ToyMapper())
    rows = parquet.read_table(tmp_path / "out/x.parquet").to_pylist()
    errors = {row["key"]: row["error"] for row in rows if row["error"]}
    assert [key for key in errors if len(key) < 10] == ["a", "b", "c", "d", "e", "../f", "g", "", "j", "l?"]
    assert "only txt" in errors["a"] and "JSON" in errors["c"] and "twice" in errors["e"] and "twice" in errors["g"]
    assert "no key" in errors[""]
    assert errors["../f"].startswith("'../f': its name leaves") and errors["l?"].startswith(r"'l\udcff': its name")
    assert errors["../f"] in stats["reasons"]
    assert (stats["images"], stats["failed"]) == (16, 10)
    with tarfile.open(tmp_path / "out/x.tar") as tar:
        names = tar.getnames()
    assert len(names) == len(set(names)) and "../f.json" not in names
    assert {"dir/i.depth.png", "g.depth.png", "k.depth.png", "m.depth.png", "ä" * 120 + ".mask.png"} <= set(names)
    assert "a.json" in names and "a.depth.png" not in names


def test_hostile_headers_are_refused(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        big = tarfile.TarInfo("a.jpg")
        big.size = 1 << 40
        tar.addfile(big)
        link = tarfile.TarInfo("b.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(ShardError, match="cut short or damaged"):
        list(read_tar(tmp_path / "x.tar"))
    with pytest.raises(ShardError):
        list(read_tar(tmp_path))


def test_inputs_are_found_and_clashes_refused(tmp_path):
    folder = write_shards(tmp_path / "in")
    names = [job.name for job in plan_jobs([f"{folder}/{{00000..00002}}.tar"], tmp_path / "out")]
    assert names == ["00000", "00001", "00002"]
    assert [job.name for job in plan_jobs([f"{folder}/*1.tar"], tmp_path / "out")] == ["00001"]
    assert [job.name for job in plan_jobs(["s3://b/x/7.tar.gz?v=1"], tmp_path / "out")] == ["7"]
    assert [job.name for job in plan_jobs(["{3..3}/{08..09}.tar", "{2..1}.tar"], tmp_path)] == ["08", "09"]
    other = write_shards(tmp_path / "other", shards=1)
    with pytest.raises(RunError, match="one name"):
        plan_jobs([str(folder), str(other)], tmp_path / "out")
    with pytest.raises(RunError, match="output folder"):
        plan_jobs([str(folder)], folder)
    with pytest.raises(RunError, match="no shards"):
        plan_jobs([str(tmp_path)], tmp_path / "out")
    with pytest.raises(RunError, match="at least 1"):
        run_shards([str(folder)], tmp_path / "out", ToyMapper(), workers=0)


def test_urls_are_read_by_fsspec(tmp_path):
    pytest.importorskip("fsspec")
    folder = write_shards(tmp_path / "in", shards=1)
    run_shards([str(folder)], tmp_path / "a", ToyMapper())
    url = f"file://{folder}/00000.tar"
    assert run_shards([url], tmp_path / "b", ToyMapper()).images == 5
    assert results(tmp_path / "a") == results(tmp_path / "b")
    assert run_shards([url], tmp_path / "b", ToyMapper()).kept == 1
    report = run_shards([f"file://{folder}/7.tar", "nothing://x/8.tar"], tmp_path / "b", ToyMapper())
    assert ["cannot be read" in f.reason or "no kind of URL" in f.reason for f in report.failed] == [True] * 2


def test_a_full_disk_stops_the_run_and_leaves_nothing_half(tmp_path):
    """A limit on the size of files stands for the full disk; the next run completes the folder."""
    folder = write_shards(tmp_path / "in", images=20)
    mapper = ToyMapper()
    run_shards([str(folder)], tmp_path / "whole", mapper)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
    try:
        with pytest.raises(RunError, match=r"cannot write into .*the same command goes on"):
            run_shards([str(folder)], tmp_path / "out", mapper)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [p.name for p in (tmp_path / "out").iterdir() if not p.name.startswith(".lock")] == []
    assert run_shards([str(folder)], tmp_path / "out", mapper).shards == 3
    assert results(tmp_path / "out") == results(tmp_path / "whole")


def test_two_runs_into_one_folder(tmp_path):
    folder = write_shards(tmp_path / "in", shards=4)
    first = threading.Thread(target=run_shards, args=([str(folder)], tmp_path / "out", ToyMapper(pause=0.1)))
    first.start()
    while not list((tmp_path / "out").glob("*_stats.json")):
        time.sleep(0.01)
    with pytest.raises(RunError, match="another run"):
        run_shards([str(folder)], tmp_path / "out", ToyMapper())
    first.join()
    # A worker that outlives its run, or a second cluster: the same bytes, whole.
    before = results(tmp_path / "out")
    job = ShardJob(str(folder / "00000.tar"), tmp_path / "out", "00000", overwrite=True)
    both = [threading.Thread(target=process_shard, args=(job, ToyMapper(pause=0.05))) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert results(tmp_path / "out") == before and merge_stats(tmp_path / "out").images == 20


@pytest.mark.integration
def test_the_command_line_predicts_shards_of_the_demo(tmp_path, capsys):
    files = [(f"{p.stem}.png", p.read_bytes()) for p in sorted((ROOT / "data/kitti_demo/rgb").glob("*.png"))[:1]]
    write_tar(tmp_path / "00000.tar", [*files, ("bad.jpg", b"x" * 20)])
    command = ["shards", str(tmp_path / "00000.tar"), "-o", str(tmp_path / "out")]
    assert main([*command, "--focal-px", "700"]) == 1
    printed = capsys.readouterr().out
    assert "1 shard done; 2 images, 1 of them failed" in printed
    assert "not an image" in printed or "1 x " in printed
    rows = parquet.read_table(tmp_path / "out/00000.parquet").to_pylist()
    assert rows[0]["fx"] == 700.0 and 2 < rows[0]["median_depth"] < 60 and rows[1]["error"]
    assert main([*command, "--address", "x"]) == 2 and "--engine ray" in capsys.readouterr().err
    assert main([*command[:-1], str(tmp_path / "near"), "--depth-scale", "65535"]) == 1
    printed = capsys.readouterr().out
    assert "depth beyond 1.0 m is invalid in the PNGs of 1 image; --depth-scale 200 reaches 327 m" in printed
    assert io.BytesIO((tmp_path / "out/00000.tar").read_bytes()).getbuffer().nbytes > 10_000
