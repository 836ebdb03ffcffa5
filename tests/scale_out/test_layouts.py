"""Inputs and outputs of other layouts and places than tar shards in local folders."""

import functools
import http.server
import json
import os
import re
import resource
import tarfile
import threading

import cv2
import numpy as np
import pytest

from mono.io import atomic
from mono.scale_out.inputs import find_inputs
from mono.scale_out.jobs import process_shard
from mono.scale_out.results import ShardJob
from mono.scale_out.run import merge_stats, plan_jobs, run_shards
from mono.scale_out.storage import LocalFolder, RemoteFolder, output_folder
from mono.system.errors import RunError
from tests.scale_out.toy import ToyMapper, jpeg, write_shards, write_tar

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
COUNT = 5


def write_table(path, keys=True, column="image", struct=False, images=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    images = images or [jpeg(i) for i in range(COUNT)]
    data = {column: [{"bytes": one, "path": None} if struct else one for one in images]}
    data |= {"key": [f"00000{i:04d}" for i in range(len(images))]} if keys else {}
    data |= {"fx": [40.0 + i for i in range(len(images))], "caption": ["text"] * len(images)}
    parquet.write_table(pyarrow.table(data), path)
    return path


def write_photos(folder, count=COUNT):
    folder.mkdir(parents=True)
    for i in range(count):
        (folder / f"00000{i:04d}.jpg").write_bytes(jpeg(i))
        (folder / f"00000{i:04d}.json").write_text(json.dumps({"fx": 40.0 + i}))
    return folder


def records(folder, name):
    return parquet.read_table(folder / f"{name}.parquet").to_pylist()


def test_all_layouts_hold_the_same_results(tmp_path):
    """Three inputs times three outputs of the same images: equal records and equal bytes of depth and mask."""
    write_shards(tmp_path / "in", shards=1, images=COUNT)
    inputs = {
        "00000": tmp_path / "in/00000.tar",
        "table": write_table(tmp_path / "table.parquet", struct=True),
        "photos-00000": write_photos(tmp_path / "photos"),
    }
    expected = None
    for name, given in inputs.items():
        outs = {layout: tmp_path / f"{name}_{layout}" for layout in ("tar", "parquet", "files")}
        for layout, out in outs.items():
            report = run_shards([str(given)], out, ToyMapper(), layout=layout)
            assert (report.shards, report.images, report.failed_images) == (1, COUNT, 0)
        rows = records(outs["parquet"], name)
        expected = expected or rows
        assert rows == expected and [row["fx"] for row in rows] == [40.0 + i for i in range(COUNT)]
        plain = [{k: v for k, v in r.items() if k not in ("depth", "mask", "depth_scale")} for r in rows]
        assert records(outs["tar"], name) == plain == records(outs["files"], name)
        with tarfile.open(outs["tar"] / f"{name}.tar") as tar:
            assert len(tar.getnames()) == 3 * COUNT
            for row in rows:
                files = {s: tar.extractfile(f"{row['key']}.{s}").read() for s in ("depth.png", "mask.png", "json")}
                assert (files["depth.png"], files["mask.png"]) == (row["depth"], row["mask"])
                for suffix, data in files.items():
                    assert (outs["files"] / name / f"{row['key']}.{suffix}").read_bytes() == data
        assert sorted(p.name for p in outs["files"].iterdir() if not p.name.startswith(".")) == sorted(
            [name, f"{name}.parquet", f"{name}_stats.json", "report.json"]
        )


def test_the_columns_of_a_table_are_found(tmp_path):
    for column in ("jpg", "content", "photo"):
        path = write_table(tmp_path / f"{column}.parquet", keys=False, column=column)
        chosen = "photo" if column == "photo" else None
        job = ShardJob(str(path), tmp_path / f"of {column}", "x", layout="parquet", image_column=chosen)
        assert process_shard(job, ToyMapper())["images"] == COUNT
        assert [row["key"] for row in records(tmp_path / f"of {column}", "x")] == [f"{i:09d}" for i in range(COUNT)]


def test_damaged_tables_have_a_clear_outcome(tmp_path):
    whole = write_table(tmp_path / "in/a.parquet").read_bytes()
    (tmp_path / "in/cut.parquet").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "in/garbage.parquet").write_bytes(b"PAR1" + b"x" * 999 + b"PAR1")
    middle = bytearray(whole)
    middle[200:2000] = b"\xff" * 1800
    (tmp_path / "in/hole.parquet").write_bytes(bytes(middle))
    (tmp_path / "in/empty.parquet").write_bytes(b"")
    parquet.write_table(pyarrow.table({"image": [1, 2], "name": ["a", "b"]}), tmp_path / "in/numbers.parquet")
    parquet.write_table(pyarrow.table({"caption": ["a"]}), tmp_path / "in/captions.parquet")
    twice = pyarrow.Table.from_arrays([pyarrow.array([jpeg(1)])] * 2, names=["image", "image"])
    parquet.write_table(twice, tmp_path / "in/twice.parquet")
    images = [jpeg(1), None, b"", b"no image", jpeg(2), jpeg(3)]
    keys = ["a", "b", "c", "d", "a", None]
    parquet.write_table(pyarrow.table({"png": images, "__key__": keys}), tmp_path / "in/rows.parquet")
    report = run_shards([str(tmp_path / "in")], tmp_path / "out", ToyMapper(), layout="parquet")
    reasons = {failure.source.rpartition("/")[2]: failure.reason for failure in report.failed}
    assert all("no Parquet file, or is damaged" in reasons[f"{n}.parquet"] for n in ("cut", "garbage", "empty"))
    words = {"twice": "two columns", "numbers": "holds no bytes", "captions": "--image-column"}
    assert all(text in reasons[f"{name}.parquet"] for name, text in words.items())
    errors = {row["key"]: row["error"] for row in records(tmp_path / "out", "rows")}
    assert "no image in this row" in errors["b"] and "is empty" in errors["c"] and errors["d"]
    assert "twice" in errors["a"] and "no key" in errors[""]  # of the last row with each key
    assert report.shards + report.failed_shards == 9 and report.shards in (2, 3)  # a hole may hit images only
    assert not [reason for reason in reasons.values() if "thrift" in reason.lower() or "Arrow" in reason]


@pytest.mark.parametrize("images_per_shard", [1, 2, 6])
def test_photos_of_one_name_keep_their_suffixes_wherever_parts_end(tmp_path, images_per_shard):
    (tmp_path / "photos").mkdir()
    names = ("a.jpg", "a-b.jpg", "b.JPG", "b.png", "a.png", "a_jpg.jpg", "c.d.jpg", "c_d.jpg", "E.png", "e.jpg")
    for name in names:
        (tmp_path / "photos" / name).write_bytes(jpeg(3))
    out = tmp_path / "out"
    report = run_shards([str(tmp_path / "photos")], out, ToyMapper(), layout="files", images_per_shard=images_per_shard)
    assert (report.images, report.failed_images) == (10, 0)
    found = sorted(re.sub("-[0-9a-f]{12}", "-#", path.name) for path in out.rglob("*.depth.png"))
    keys = ["a-b", "a_jpg", "a_jpg", "a_png", "b_JPG", "b_png", "c_d_jpg-#", "c_d_jpg-#", "E_png", "e_jpg"]
    if images_per_shard == 6:  # a part with both, in which a key is one image's alone
        keys[1:3] = ["a_jpg-#", "a_jpg_jpg"]
    assert found == sorted(f"{key}.depth.png" for key in keys)


def test_folders_are_divided_and_their_keys_name_files(tmp_path):
    folder = tmp_path / "photos"
    for name in ("b/2.JPG", "b/10.jpg", "a.b.jpg", "a_b.jpg", "c.png", ".hidden.jpg", ".trash/x.jpg", "notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(jpeg(3))
    (folder / "c.json").write_text("{")
    (folder / "gone.jpg").symlink_to(tmp_path / "nothing.jpg")
    out = folder / "depth"  # within the input: its PNGs are not read the next time
    run_shards([str(folder)], out, ToyMapper(), layout="files", images_per_shard=4)
    names = [job.names for job in plan_jobs([str(folder)], out, images_per_shard=4)]
    assert names == [["a.b.jpg", "a_b.jpg", "c.png", "c.json", "gone.jpg"], ["b/10.jpg", "b/2.JPG"]]
    rows = [*records(out, "photos-00000"), *records(out, "photos-00001")]
    keys = [re.sub("-[0-9a-f]{12}", "-#", row["key"]) for row in rows]
    assert keys == ["a_b_jpg-#", "a_b_jpg-#", "c", "gone", "b/10", "b/2"] and rows[0]["key"] != rows[1]["key"]
    assert [not rows[1]["error"], "c.json" in rows[2]["error"], "gone.jpg" in rows[3]["error"]] == [True] * 3
    depth = cv2.imread(str(out / "photos-00001/b/2.depth.png"), cv2.IMREAD_UNCHANGED)
    assert depth.shape == (40, 48) and depth.dtype == np.uint16
    (folder / "run/mask").mkdir(parents=True)
    (folder / "run/mask/a.png").write_bytes(jpeg(3))
    (folder / "run/manifest.jsonl").touch()
    for given in (str(folder), f"file://{folder}", f"local://{folder}"):  # results of other runs are not read either
        others = plan_jobs([given], tmp_path / "other")
        assert {name for job in others for name in job.names} == {name for group in names for name in group}
    assert run_shards([str(folder)], out, ToyMapper(), layout="files", images_per_shard=4).kept == 2
    with pytest.raises(RunError, match="results of another --images-per-shard: choose another"):
        run_shards([str(folder)], out, ToyMapper(), layout="files", images_per_shard=3)
    (folder / "b/2.JPG").write_bytes(jpeg(9))
    assert run_shards([str(folder)], out, ToyMapper(), layout="files", images_per_shard=4).kept == 1
    for given, words in ((str(folder / "c.png"), "is an image"), (str(out), "lies in the output folder")):
        with pytest.raises(RunError, match=words):
            plan_jobs([given], out)
    for words, options in (("at least 1", {"images_per_shard": 0}), ("choose from tar", {"layout": "zip"})):
        with pytest.raises(RunError, match=words):
            plan_jobs([str(folder)], out, **options)
    with pytest.raises(RunError, match="is empty"):
        plan_jobs([str(folder)], "")


def test_names_that_no_folder_takes_are_rows_with_a_reason(tmp_path):
    files = [
        ("a.jpg", jpeg(1)),
        ("a.json/b.jpg", jpeg(2)),
        ("x" * 251 + ".jpg", jpeg(3)),
        (".jpg", jpeg(4)),
        ("z.jpg", jpeg(5)),
    ]
    write_tar(tmp_path / "s.tar", files)
    stats = process_shard(ShardJob(str(tmp_path / "s.tar"), tmp_path / "out", "s", layout="files"), ToyMapper())
    assert (stats["images"], stats["failed"]) == (5, 3)
    errors = [row["error"] for row in records(tmp_path / "out", "s")]
    assert not errors[0] and "in its way" in errors[1] and "too long" in errors[2] and "no key" in errors[3]
    assert (tmp_path / "out/s/z.depth.png").is_file()


def test_a_folder_of_other_files_is_not_replaced(tmp_path):
    write_shards(tmp_path / "in", shards=1)
    (tmp_path / "out/00000").mkdir(parents=True)
    (tmp_path / "out/00000/holiday.jpg").write_bytes(jpeg(1))
    report = run_shards([str(tmp_path / "in")], tmp_path / "out", ToyMapper(), layout="files")
    assert report.failed_shards == 1 and "holiday.jpg" in report.failed[0].reason
    assert [p.name for p in (tmp_path / "out/00000").iterdir()] == ["holiday.jpg"]


@pytest.mark.parametrize("layout", ["tar", "parquet", "files"])
def test_storage_behind_urls_gives_the_bytes_of_folders(layout, tmp_path):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    base = f"/{tmp_path.name}"
    write_shards(tmp_path / "in", shards=2)
    write_photos(tmp_path / "photos")
    write_table(tmp_path / "tables/table.parquet")
    for name in ("in", "photos", "tables"):
        memory.put(f"{tmp_path}/{name}/", f"{base}/{name}/", recursive=True)
        local, remote = tmp_path / f"{name}_out", f"memory:/{base}/{name}_out"
        run_shards([str(tmp_path / name)], local, ToyMapper(), layout=layout)
        report = run_shards([f"memory:/{base}/{name}"], remote, ToyMapper(), layout=layout)
        assert (report.failed_shards, report.failed_images, report.kept) == (0, 0, 0)
        assert run_shards([f"memory:/{base}/{name}/"], remote, ToyMapper(), layout=layout).kept == report.shards
        files = [
            p for p in local.rglob("*") if p.is_file() and not p.name.endswith((".lock", "_stats.json", "report.json"))
        ]
        assert len(files) >= report.shards
        for path in files:
            assert memory.cat_file(f"{base}/{name}_out/{path.relative_to(local)}") == path.read_bytes(), path
        assert merge_stats(remote).images == report.images
    memory.rm(f"{base}/in_out/00000.parquet")
    assert run_shards([f"memory:/{base}/in"], f"memory:/{base}/in_out", ToyMapper(), layout=layout).kept == 1
    with pytest.raises(RunError, match="lies in the output folder"):
        plan_jobs([f"memory:/{base}/in/00000.tar"], f"memory:/{base}/in")


def test_faults_of_storage_are_explained(tmp_path, monkeypatch):
    fsspec = pytest.importorskip("fsspec")
    write_shards(tmp_path / "in", shards=1)
    for given in ("nothing://x/", f"memory://{tmp_path.name}/none"):
        with pytest.raises(RunError, match=given):
            list(find_inputs(given, "out", 10))

    def refuse(*args, **kwargs):
        raise RuntimeError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(type(fsspec.filesystem("memory")), "put_file", refuse)
        with pytest.raises(RunError, match=r"cannot write into memory://.*no room.*the same command goes on"):
            run_shards([str(tmp_path / "in")], f"memory://{tmp_path.name}/out", ToyMapper())
    report = run_shards([f"memory://{tmp_path.name}/7.tar"], tmp_path / "out", ToyMapper())
    assert report.failed_shards == 1 and "cannot be downloaded" in report.failed[0].reason


def test_shards_come_by_http(tmp_path):
    pytest.importorskip("aiohttp")
    write_shards(tmp_path / "in", shards=1)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "in")
    handler.log_message = handler.func.log_message = lambda *a: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        report = run_shards([f"{url}/00000.tar", f"{url}/00001.tar"], tmp_path / "out", ToyMapper())
        server.shutdown()
    assert (report.images, report.failed_shards) == (5, 1) and "00001.tar" in report.failed[0].reason


@pytest.mark.parametrize("layout", ["parquet", "files"])
def test_a_full_disk_leaves_nothing_half(layout, tmp_path):
    folder = write_shards(tmp_path / "in", images=20)
    run_shards([str(folder)], tmp_path / "whole", ToyMapper(), layout=layout)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard))
    try:
        with pytest.raises(RunError, match=r"cannot write into .*the same command goes on"):
            run_shards([str(folder)], tmp_path / "out", ToyMapper(), layout=layout)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [p.name for p in (tmp_path / "out").iterdir() if p.name != ".lock"] == []
    run_shards([str(folder)], tmp_path / "out", ToyMapper(), layout=layout)
    for path in (p for p in (tmp_path / "whole").rglob("*.p*") if p.is_file()):
        assert (tmp_path / "out" / path.relative_to(tmp_path / "whole")).read_bytes() == path.read_bytes()


def test_two_workers_with_one_folder_write_it_whole(tmp_path):
    write_shards(tmp_path / "in", shards=1)
    job = ShardJob(str(tmp_path / "in/00000.tar"), tmp_path / "out", "00000", overwrite=True, layout="files")
    workers = [threading.Thread(target=process_shard, args=(job, ToyMapper())) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(list((tmp_path / "out/00000").iterdir())) == 15
    assert process_shard(ShardJob(job.source, job.out, job.name, layout="files"), ToyMapper())["kept"]
    assert not [p for p in (tmp_path / "out").iterdir() if p.name.startswith(".mono")]


def test_folders_of_killed_workers_are_removed(tmp_path):
    dead = tmp_path / f".mono-{atomic._HOST}-{2**22 + 1}-0123456789ab"
    (dead / "x").mkdir(parents=True)
    alive = tmp_path / f".mono-{atomic._HOST}-{os.getppid()}-0123456789ab"
    alive.mkdir()
    assert atomic.remove_stale_files(tmp_path, recursive=False) == 1
    assert alive.is_dir() and not dead.exists()


def test_output_folders_are_paths_or_urls(tmp_path):
    assert output_folder(f"file://{tmp_path}") == LocalFolder(tmp_path) == output_folder(tmp_path)
    assert output_folder("s3://bucket/depth/") == RemoteFolder("s3://bucket/depth")
