"""Images of folders: none is left out in silence."""

import json
import logging
import os

import pytest

from mono.data.folder import find_images
from mono.scale_out.run import plan_jobs, run_shards
from mono.system.errors import RunError
from tests.scale_out.toy import ToyMapper, jpeg, write_shards

pytest.importorskip("pyarrow.parquet")


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
