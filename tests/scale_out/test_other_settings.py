"""Shards whose results are of other settings: refused, or replaced when asked."""

import shutil
from pathlib import Path

import pytest

from mono.data.camera_source import CameraResolver
from mono.scale_out.run import run_shards
from mono.system.errors import RunError
from tests.scale_out.toy import ToyMapper, write_shards

pytest.importorskip("pyarrow.parquet")


def test_results_of_other_settings_are_refused(tmp_path, monkeypatch):
    folder, out = write_shards(tmp_path / "in"), tmp_path / "out"
    run_shards([str(folder)], out, ToyMapper(resolver=CameraResolver(focal_px=60.0)))
    before = {p.name: p.read_bytes() for p in out.iterdir() if p.is_file()}
    others = {
        "other camera flags": ({"resolver": CameraResolver(focal_px=70.0)}, {}),
        "another --save": ({"outputs": ("depth",)}, {}),
        "another --image-column": ({}, {"image_column": "photo"}),
    }
    for words, (options, run) in others.items():
        mapper = ToyMapper(**{"resolver": CameraResolver(focal_px=60.0), **options})
        report = run_shards([str(folder)], out, mapper, **run)
        assert (report.failed_shards, report.shards) == (3, 0)
        reason = f"its results are of {words}, and would be replaced: choose another --out, or --overwrite"
        assert {failure.reason for failure in report.failed} == {reason}
    with pytest.raises(RunError, match="results of another --format: choose another output folder"):
        run_shards([str(folder)], out, ToyMapper(), layout="files")
    assert {p.name: p.read_bytes() for p in out.iterdir() if p.is_file()} == before
    (tmp_path / "camera.json").write_text('{"focal_px": 60.0}')
    monkeypatch.chdir(tmp_path)
    for path in ("camera.json", tmp_path / "camera.json"):  # the file counts, not how it is named
        resolver = CameraResolver(camera_file=Path(path))
        report = run_shards([str(folder)], tmp_path / "other", ToyMapper(resolver=resolver))
    assert (report.kept, report.failed_shards) == (3, 0)
    run_shards([str(folder)], out, ToyMapper(), layout="files", overwrite=True)
    assert (out / "00000").is_dir() and not (out / "00000.tar").exists()
    for path in out.glob("0000*"):
        if path.suffix != ".json":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert run_shards([str(folder)], out, ToyMapper()).kept == 0  # nothing is left to be replaced


def test_another_layout_replaces_the_results(tmp_path):
    write_shards(tmp_path / "in", shards=1)
    for layout, there in (("tar", "00000.tar"), ("files", "00000"), ("parquet", None), ("tar", "00000.tar")):
        report = run_shards([str(tmp_path / "in")], tmp_path / "out", ToyMapper(), layout=layout, overwrite=True)
        assert report.kept == 0
        assert run_shards([str(tmp_path / "in")], tmp_path / "out", ToyMapper(), layout=layout).kept == 1
        assert [n for n in ("00000", "00000.tar") if (tmp_path / "out" / n).exists()] == [there][: there is not None]
    (tmp_path / "out/00000.tar").write_bytes(b"cut")
    assert run_shards([str(tmp_path / "in")], tmp_path / "out", ToyMapper()).kept == 0
