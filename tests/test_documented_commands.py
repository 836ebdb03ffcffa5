"""Every command of the documents, run in its order on small files of the names it uses."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mono.cli.main import main
from tests import document_files
from tests.documents import BLOCKS, RAY, ROOT, Block, words_of

# What a block calls by a name that another block uses for something else: its files, under the names it uses.
PLACED = {
    "align out": ("saved", "out"),
    "room.mp4": ("camera_of_walk.json", "room.camera.json"),
    "compare a b": ("scored", "a"),
    "--camera camera.json --out metric": ("camera_of_walk.json", "camera.json"),
    "--intrinsics 707.09": ("street", "frames"),
    "--intrinsics 718.9": ("street", "rgb"),
}
NEEDS = {
    "slam ": "pycolmap", "rescale ": "pycolmap", "fuse ": "open3d", "--engine ray": "ray", "openvino": "openvino",
    "shards ": "pyarrow", "export onnx": "onnxscript", "lite.onnx": "onnxruntime", "onnx:": "onnxruntime",
    "export litert": "litert_torch", "export coreml": "coremltools",
}  # fmt: skip

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """The files of all blocks."""
    for name in ("metricdepth_scenes", "embreex", "pycolmap", "av"):
        pytest.importorskip(name)
    folder = tmp_path_factory.mktemp("files")
    document_files.link_repository(folder, sys.executable)
    document_files.make_photos(folder)
    document_files.make_datasets(folder)
    document_files.make_walk(folder)
    return folder


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("block", [block for block in BLOCKS if block.runnable], ids=str)
def test_the_commands_of_a_block_run_one_after_the_other(block: Block, files, tmp_path, monkeypatch, capfd) -> None:
    shutil.copytree(files, tmp_path, copy_function=os.link, symlinks=True, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'scenes'}")
    monkeypatch.setenv("METRICDEPTH_CACHE", str(files / "cache"))
    for name, value in RAY.items():
        monkeypatch.setenv(name, value)
    failed = []
    for command in block.runnable:
        for sign in NEEDS:
            if sign in command:
                pytest.importorskip(NEEDS[sign])
        if ("drive.mp4" in command or "--intrinsics 7" in command) and not document_files.DRIVE.is_dir():
            continue
        place(command)
        code = run(command)
        output = capfd.readouterr()
        if code and not (code == 1 and has_unscaled_part(command)):
            failed.append(f"{command}\nexit code {code}\n{output.out[-1500:]}\n{output.err[-1500:]}")
    assert not failed, "\n\n".join(failed)


def has_unscaled_part(command: str) -> bool:
    """Whether a reconstruction has metres, and a further part that is flagged for having none."""
    words = words_of(command)
    if words[1] != "slam":
        return False
    parts = json.loads((Path(words[words.index("--out") + 1]) / "scale.json").read_text())["parts"]
    return parts[0]["status"] == "metric" and len(parts) > 1


@pytest.mark.parametrize("page", ["README.md", "docs/get-started.md", "docs/python-api.md", "docs/wide.md"])
def test_the_python_of_a_page_runs(page: str, files, tmp_path, monkeypatch) -> None:
    shutil.copytree(files, tmp_path, copy_function=os.link, symlinks=True, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    photo = Image.open("data/wild_demo/leuven.jpg").resize((1920, 1440)).crop((0, 200, 1920, 1280))
    Path("photo.jpg").unlink()
    photo.save("photo.jpg")
    panorama = Image.open("pano.jpg").resize((4096, 2048))
    Path("pano.jpg").unlink()
    panorama.save("pano.jpg")
    for shown in re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S):
        names = {"__name__": "shown"}
        exec(compile(shown, page, "exec"), names)
        results = [name for name in ("pred", "prediction") if name in names]
        assert results, shown
        assert all(np.isfinite(names[name].depth).all() and (names[name].depth > 0).any() for name in results)


def place(command: str) -> None:
    """Put the command's files in their places."""
    for sign, (source, target) in PLACED.items():
        if sign in command and Path(source).exists() and (source == "street" or not Path(target).exists()):
            shutil.rmtree(target, ignore_errors=True)
            Path(source).rename(target)
    if command.startswith("metricdepth annotate ") and "--out" in (words := words_of(command)):
        Path(words[words.index("--out") + 1]).unlink(missing_ok=True)  # another block's data have this name


def run(command: str) -> int:
    """Run `metricdepth` in this process, all else by the shell."""
    words = words_of(command)
    if words[0] == "metricdepth" and "--workers" not in words:
        return main(words[1:])
    interpreter = shlex.quote(sys.executable)
    shell = command.replace("torchrun ", f"{interpreter} -m torch.distributed.run ")
    shell = shell.replace("metricdepth ", f"{interpreter} -m metricdepth ", 1) if words[0] == "metricdepth" else shell
    shell = shell.replace("python ", f"{interpreter} ", 1) if words[0] == "python" else shell
    return subprocess.run(shell, shell=True, check=False).returncode
