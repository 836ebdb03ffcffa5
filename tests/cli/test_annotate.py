"""`metricdepth annotate`: flags reach the builders, and what is written is valid."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mono.cli.main import main
from mono.data.annotations import load_annotations
from tests.data.datasets.layouts import random_image, stored_depth, text

DRIVE = "2011_09_26/2011_09_26_drive_0002_sync"


def entries(path: Path) -> list[dict[str, object]]:
    assert load_annotations(path)
    return json.loads(path.read_text())["files"]


def test_kitti(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for side, number in (("02", 5), ("02", 6), ("03", 5)):
        random_image(tmp_path / "raw" / DRIVE / f"image_{side}/data/{number:010d}.png", seed=int(side) * number)
    text(tmp_path / "raw/2011_09_26/calib_cam_to_cam.txt", "P_rect_02: 40 0 16 0 0 41 12 0 0 0 1 0")
    depth = tmp_path / "depth" / DRIVE[11:] / "proj_depth/groundtruth/image_02/0000000005.png"
    stored_depth(depth, 2560)
    split = text(tmp_path / "list.txt", f"{DRIVE} 5 l\n{DRIVE} 6 l\n")
    out = tmp_path / "kitti.json"
    command = ["annotate", "kitti", str(tmp_path / "raw"), "--depth-root", str(tmp_path / "depth"), "--out", str(out)]
    assert main([*command, "--split", str(split)]) == 0
    message = capsys.readouterr().out
    assert "2 frames listed, 1 with ground truth\n1 without: left out\n" in message
    expected = {
        "rgb": f"raw/{DRIVE}/image_02/data/0000000005.png",
        "depth": depth.relative_to(tmp_path).as_posix(),
        "depth_scale": 256,
        "cam_in": [40, 41, 16, 12],
    }
    assert entries(out) == [expected]
    assert main([*command, "--split", str(split), "--keep-without-depth", "--overwrite"]) == 0
    assert [entry.get("depth_scale") for entry in entries(out)] == [256, None]
    assert main([*command, "--overwrite"]) == 0
    assert entries(out) == [expected]


def test_files_go_beside_the_annotation_file(tmp_path: Path) -> None:
    scan = tmp_path / "val/outdoor/scene_1/scan_2"
    random_image(scan / "x.png")
    np.save(scan / "x_depth.npy", np.full((24, 32, 1), 7, np.float32))
    np.save(scan / "x_depth_mask.npy", np.eye(24, 32, dtype=np.float32))
    out = tmp_path / "out/diode.json"
    assert main(["annotate", "diode", str(tmp_path / "val"), "--out", str(out)]) == 0
    assert entries(out)[0]["depth"] == "diode/outdoor/scene_1/scan_2/x_depth.npz"
    again = tmp_path / "out/again.json"
    assert main(["annotate", "diode", str(scan), "--out", str(again), "--files", str(tmp_path / "masked")]) == 0
    assert entries(again)[0]["depth"] == "../masked/x_depth.npz"


def test_folder(tmp_path: Path) -> None:
    random_image(tmp_path / "rgb/0.png")
    stored_depth(tmp_path / "depth/0.png", 1500)
    out = tmp_path / "data.json"
    command = ["annotate", "folder", str(tmp_path / "rgb"), str(tmp_path / "depth"), "--out", str(out)]
    assert main([*command, "--intrinsics", "40,40,15.5,11.5", "--depth-scale", "1000"]) == 0
    expected = {"rgb": "rgb/0.png", "depth": "depth/0.png", "depth_scale": 1000, "cam_in": [40, 40, 15.5, 11.5]}
    assert entries(out) == [expected]
    camera = text(tmp_path / "my_camera.json", '{"fx": 50}')
    assert main([*command, "--camera", str(camera), "--depth-scale", "1000", "--overwrite"]) == 0
    assert entries(out)[0]["cam_in"] == [50, 50, 15.5, 11.5]
    assert main(["annotate", "folder", str(tmp_path / "rgb"), "--out", str(out), "--overwrite"]) == 0
    assert entries(out) == [{"rgb": "rgb/0.png"}]


def test_an_existing_file_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random_image(tmp_path / "rgb/0.png")
    out = text(tmp_path / "old.json", "mine")
    command = ["annotate", "folder", str(tmp_path / "rgb"), "--out", str(out)]
    assert main(command) == 2
    assert f"{out}: exists, and would be replaced; choose another --out, or --overwrite" in capsys.readouterr().err
    assert out.read_text() == "mine"
    assert main([*command, "--overwrite"]) == 0
    assert entries(out) == [{"rgb": "rgb/0.png"}]


def test_what_is_wrong_ends_in_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "data.json"
    for name in ("kitti", "nyu", "ibims", "diode", "sunrgbd", "tum", "folder"):
        assert main(["annotate", name, str(tmp_path / "gone"), "--out", str(out)]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert str(tmp_path / "gone") in error
        assert not out.exists()
    assert main(["annotate", "tum", str(tmp_path), "--out", str(tmp_path / "data.txt")]) == 2
    assert "it ends in .json" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["annotate", "tum", str(tmp_path), "--out", str(out), "--intrinsics", "1,2,3"])
    assert '"1,2,3" is not FX,FY,CX,CY' in capsys.readouterr().err
