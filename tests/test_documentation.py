"""What the documents show: commands that parse, examples that run, a site that builds, links that lead somewhere."""

from __future__ import annotations

import importlib.util
import re
import runpy
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import metricdepth
import mono
from media import charts
from mono.cli.commands import COMMANDS
from mono.cli.main import build_parser
from mono.data.annotations import load_annotations
from tests.documents import BLOCKS, NOT_RUN, PAGES, RAY, ROOT, reasons, words_of

TESTED_ALONE = ("export_onnx.py", "fine_tune.py", "ray_dataset.py", "ros2_bag.py")
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
SHOWN = [(block.page, command) for block in BLOCKS for command in block.commands]
PARSED = [shown for shown in SHOWN if shown[1].startswith("metricdepth ")]


def test_a_shown_command_is_run_or_says_what_it_needs() -> None:
    """The commands without a reason are run by test_documented_commands.py."""
    run = [command for _, command in SHOWN if not reasons(command)]
    assert len(run) > 70 and len(SHOWN) > len(run)
    used = {pattern for _, command in SHOWN for pattern in reasons(command)}
    assert [pattern for pattern in NOT_RUN if pattern not in used] == []
    for command in run:
        door, first = command.split()[:2]
        known = {"metricdepth": tuple(COMMANDS), "bash": ("test.sh", "test_kitti.sh", "test_nyu.sh")}
        assert door in ("python", "torchrun") or first in known[door], command


@pytest.mark.parametrize(("page", "line"), PARSED)
def test_a_shown_command_is_one_that_the_parser_takes(page: str, line: str) -> None:
    words = ["1" if word == "N" else word for word in words_of(line)[1:]]  # N stands for a number
    assert words[0] in COMMANDS, f"{page}: {line}"
    if words[0] == "scenes":
        pytest.importorskip("metricdepth_scenes")
    if any(NOT_RUN[pattern].startswith("show a form") for pattern in reasons(line)):
        return
    try:
        build_parser(words[0]).parse_args(words)
    except SystemExit as error:
        assert error.code == 0, f"{page}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_files_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.integration
@pytest.mark.parametrize("name", [name for name in EXAMPLES if name not in TESTED_ALONE])
def test_an_example_runs_on_the_data_that_ships(name, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [name])
    runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
    assert re.search(r"\d", capsys.readouterr().out)


@pytest.mark.integration
@pytest.mark.slow
def test_the_export_example_gives_the_same_depth(tmp_path, monkeypatch, capsys) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(sys, "argv", ["export_onnx.py"])
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=RuntimeWarning)
        runpy.run_path(str(ROOT / "examples" / "export_onnx.py"), run_name="__main__")
    output = capsys.readouterr().out
    assert float(output.split("differs by ")[1].split()[0]) < 1e-3
    assert 50 < float(output.split(", on ")[1].split("%")[0]) < 95


@pytest.mark.integration
@pytest.mark.slow
def test_the_ray_example_fills_a_table(tmp_path, monkeypatch) -> None:
    for library in ("ray", "pyarrow"):
        pytest.importorskip(library)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name, value in RAY.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, str(ROOT / "examples/ray_dataset.py"), str(ROOT / "data/wild_demo"), "depth"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.stdout.count("no error") == 5, ran.stderr


@pytest.mark.integration
def test_the_bag_of_the_ros_example_holds_the_model_s_metres(tmp_path, monkeypatch) -> None:
    highlevel = pytest.importorskip("rosbags.highlevel")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["ros2_bag.py"])
    runpy.run_path(str(ROOT / "examples/ros2_bag.py"), run_name="__main__")
    entries = load_annotations(ROOT / "data/kitti_demo/test_annotations.json")
    with highlevel.AnyReader([tmp_path / "outputs/ros/predicted"]) as reader:
        messages = [(time, reader.deserialize(data, known.msgtype)) for known, time, data in reader.messages()]
    assert [time for time, _ in messages] == [round((1 + i / 10) * 1e9) for i in range(3)]
    for entry, (_, message) in zip(entries, messages, strict=True):
        depth = message.data.view("<f4").reshape(message.height, message.width)
        camera = metricdepth.Camera(*entry.intrinsics, message.width, message.height)
        expected = metricdepth.load_model("lite").predict(entry.rgb, camera=camera).depth
        np.testing.assert_allclose(depth, np.where(expected > 0, expected, np.nan), rtol=1e-5)  # sky


@pytest.mark.integration
def test_the_alignment_example_is_nearer_after_it(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["align_to_lidar.py"])
    runpy.run_path(str(ROOT / "examples/align_to_lidar.py"), run_name="__main__")
    predicted, aligned = (float(error) for error in re.findall(r"AbsRel ([\d.]+)", capsys.readouterr().out))
    assert aligned < 0.8 * predicted


@pytest.mark.slow
@pytest.mark.integration
def test_the_fine_tuning_example_writes_a_model(tmp_path, monkeypatch) -> None:
    pytest.importorskip("scipy")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(
        sys, "argv", ["fine_tune.py", str(ROOT / "data/nyu_demo/test_annotations.json"), "tuned", "0.1"]
    )
    runpy.run_path(str(ROOT / "examples" / "fine_tune.py"), run_name="__main__")
    assert (tmp_path / "tuned" / "model.safetensors").stat().st_size > 5e6


def test_every_example_is_listed_in_its_readme() -> None:
    listed = re.findall(r"^\| `([\w/]+\.(?:py|cpp))`", (ROOT / "examples/README.md").read_text(), re.M)
    assert sorted(listed) == sorted(["cpp/depth.cpp", *EXAMPLES])


def test_the_python_page_names_what_the_package_exports() -> None:
    first = (ROOT / "docs/python-api.md").read_text().split("##")[0]
    assert metricdepth.__all__ == mono.__all__
    assert {name for name in metricdepth.__all__ if f"`{name}`" not in first} == {"__version__"}


def test_the_numbers_of_the_readme_are_those_of_the_tables() -> None:
    text = " ".join((ROOT / "README.md").read_text().split())
    frames = {row[0]: [float(value) for value in row[2:4]] for row in charts.table("accuracy.md", "frames")[1]}
    speeds = {tuple(row[3:5]): float(row[7]) for row in charts.table("speed.md", "model")[1] if row[0] == "lite"}
    shown = re.search(
        r"by (\d+) % on KITTI .* by (\d+) % on .* (\d+) % and (\d+) % of the .* (\d+) % off on Middlebury", text
    )
    (kitti, kitti1), (ibims, ibims1) = frames["kitti_object"], frames["ibims1"]
    expected = [100 * x for x in (kitti, ibims, kitti1, ibims1, frames["middlebury_motorcycle"][0])]
    np.testing.assert_allclose([int(x) for x in shown.groups()], expected, atol=0.51)
    shown = re.search(r"turned (\d+) photos .* by OpenVINO, (\d+) by torch", text)
    expected = [speeds["openvino", "float32"], speeds["eager", "float32"]]
    np.testing.assert_allclose([int(x) for x in shown.groups()], expected, atol=0.51)


def test_pictures_are_small() -> None:
    sizes = {path: path.stat().st_size for path in (ROOT / "media").rglob("*.*") if path.suffix not in (".py", ".pyc")}
    animation = sizes.pop(ROOT / "media/example.webp")
    assert animation < 2.5e6 and max(sizes.values()) < 6e5 and len(sizes) > 12


@pytest.mark.integration
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    if not importlib.util.find_spec("mkdocs") or not importlib.util.find_spec("mkdocstrings"):
        pytest.skip("mkdocs is not installed: pip install '.[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    page = (tmp_path / "site" / "python-api" / "index.html").read_text()
    assert "load_model" in page and "Unproject the depth to 3D points" in page
    assert "--focal-px" in (tmp_path / "site" / "command-line" / "index.html").read_text()
    assert "fonts.googleapis" not in (tmp_path / "site" / "index.html").read_text()
    missing = []
    for page in (tmp_path / "site").rglob("index.html"):  # strictness passes over links to files that are no pages
        for target in re.findall(r'(?:src|href)="?([^"#?\s>]+)', page.read_text()):
            if "://" not in target and not target.startswith(("/", "mailto:", "data:")):
                missing += [] if (page.parent / target).exists() else [f"{page.parent.name}: {target}"]
    assert missing == []
