"""What all packs share: refusals, the untouched run, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mono
from mono.cli.main import main
from mono.packs import LAYOUTS, PackError, pack
from tests.packs.box_run import exact_depth, poses, write_run
from tests.slam.boxes import CAMERA


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and time of every file."""
    return {str(f): (f.read_bytes(), f.stat().st_mtime_ns) for f in sorted(folder.rglob("*")) if f.is_file()}


def test_the_run_is_not_changed_and_nothing_else_is_left(run: Path, trajectory: Path, tmp_path: Path) -> None:
    before = tree(run)
    for layout in ("tum", "kitti", "open3d", "nerfstudio"):
        packed = mono.pack(run, layout, tmp_path / layout, poses=trajectory)
        content = json.loads((tmp_path / layout / "pack.json").read_text())
        assert content == packed.content and content["layout"] == layout and len(content["frames"]) == 4
        assert {"unit", "stored", "invalid", "camera_axes", "pixel_centers", "camera"} <= set(content)
        for frame in content["frames"]:
            assert all((tmp_path / layout / frame[kind]).is_file() for kind in ("image", "depth"))
    assert tree(run) == before
    assert sorted(f.name for f in tmp_path.iterdir()) == ["kitti", "nerfstudio", "open3d", "tum"]


REFUSED = [
    ("moon", {}, 'layout "moon" is unknown; choose one of nerfstudio, 3dgs'),
    ("3dgs", {}, "3dgs is built around a COLMAP model"),
    ("colmap", {}, "colmap is built around a COLMAP model"),
    ("nerfstudio", {}, "nerfstudio needs the cameras' poses"),
    ("tum", {"colmap": "x"}, "tum takes no COLMAP model"),
    ("3dgs", {"colmap": "x", "poses": "y"}, "give --colmap or --poses, not both"),
    ("3dgs", {"poses": "y"}, "3dgs takes its poses from the COLMAP model"),
    ("3dgs", {"colmap": "nowhere"}, "nowhere: holds no COLMAP model"),
    ("tum", {"fps": 0.0}, "images per second are 0"),
    ("tum", {"fps": float("nan")}, "images per second are nan"),
    ("ros2", {"ros_depth": "8UC1"}, 'depth encoding is "8UC1"; choose one of 32FC1, 16UC1'),
    ("tum", {"poses": "nowhere.txt"}, "nowhere.txt"),
]


@pytest.mark.parametrize(("layout", "options", "message"), REFUSED)
def test_options_that_do_not_fit_are_refused(
    run: Path, tmp_path: Path, layout: str, options: dict, message: str
) -> None:
    if "nowhere" in options.values():
        pytest.importorskip("pycolmap")
    with pytest.raises((mono.packs.PackError, ValueError, OSError)) as refused:
        pack(run, layout, tmp_path / "packed", **options)
    assert message in str(refused.value) and "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_folders_with_files_are_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    pack(run, "kitti", tmp_path / "mine")  # an empty folder is taken
    before = tree(tmp_path / "mine")
    with pytest.raises(PackError, match="holds files already"):
        pack(run, "tum", tmp_path / "mine")
    (tmp_path / "file").touch()
    with pytest.raises(PackError, match="is not a folder"):
        pack(run, "tum", tmp_path / "file")
    with pytest.raises(PackError, match="lies in the run's folder"):
        pack(run, "tum", run / "tum")
    assert tree(tmp_path / "mine") == before and not (run / "tum").exists()


def test_runs_without_a_unit_or_depth_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="has no unit: align it"):
        pack(write_run(tmp_path / "a", 2, unit=None), "kitti", tmp_path / "packed")
    with pytest.raises(ValueError, match="neither an annotation file nor the output folder"):
        pack(tmp_path / "a/photos", "kitti", tmp_path / "packed")
    run = write_run(tmp_path / "b", 2)
    (run / "depth/001.npz").unlink()
    (run.parent / "photos/002.png").write_bytes(b"no image")
    with pytest.raises(PackError, match=r"none of the 2 frames can be packed; 001.png: .*001.npz"):
        pack(run, "kitti", tmp_path / "packed")
    assert not (tmp_path / "packed").exists()


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path, 3, factors=(1.0, 1.0, 3.0))
    (run / "depth/002.npz").write_bytes(b"damaged")
    assert main(["pack", str(run), "--as", "tum", "--to", str(tmp_path / "tum")]) == 1
    output = capsys.readouterr().out
    assert "2 frames packed as tum" in output and "uint16 = metres * 5000" in output and "invalid 0" in output
    assert "too far for this layout" in output and "002.png" in output
    assert main(["pack", str(run), "--as", "3dgs", "--to", str(tmp_path / "gs")]) == 2
    assert capsys.readouterr().err == (
        "error: 3dgs is built around a COLMAP model of the images: give its folder (--colmap sparse/0)\n"
    )


def test_the_help_names_every_layout(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["pack", "--help"])
    output = capsys.readouterr().out
    assert all(layout in output for layout in LAYOUTS)


def test_names_of_any_letters_stay_apart(tmp_path: Path) -> None:
    from mono.packs.frames import PackFrame
    from mono.packs.layout import Layout, PackOptions

    layout = Layout(tmp_path, PackOptions())
    names = ["a b", "a_b", "A_B", "sub/ü", "sub/ü"]
    nothing = np.zeros((0, 0))
    stems = [layout.stem(PackFrame(name, nothing, nothing, CAMERA, 0.0)) for name in names]
    assert stems == ["a_b", "a_b_2", "A_B_3", "sub/ü", "sub/ü_2"]


def test_aligned_depth_is_packed_like_a_run(tmp_path: Path) -> None:
    run = write_run(tmp_path, 3, factors=(0.8, 1.0, 1.2))
    (tmp_path / "known").mkdir()
    exact = [exact_depth(CAMERA, pose) for pose in poses(3)]
    for number, depth in enumerate(exact, 1):
        np.save(tmp_path / f"known/{number:03d}.npy", depth)
    before, aligned = tree(run), tmp_path / "aligned"
    words = ["align", str(run), "--align", str(tmp_path / "known"), "--align-model", "scale", "-o", str(aligned)]
    assert main(words) == 0
    packed = pack(aligned, "kitti", tmp_path / "kitti")
    assert len(packed.frames) == 3 and not packed.failures and tree(run) == before
    for number, depth in enumerate(exact):
        stored = np.asarray(Image.open(tmp_path / f"kitti/depth/{number:010d}.png")) / 256
        assert np.abs(stored / depth - 1)[stored > 0].max() < 2e-3
    assert main(words) == 0  # takes up its results
    assert main([*words, "--overwrite"]) == 0
    assert len(pack(aligned, "kitti", tmp_path / "again").frames) == 3


def test_a_damaged_manifest_is_read_around_and_stays(tmp_path: Path) -> None:
    run = write_run(tmp_path, 3)
    with (run / "manifest.jsonl").open("a") as file:
        file.write('{"name": "004", "sta')
    before = tree(run)
    assert len(pack(run, "kitti", tmp_path / "kitti").frames) == 3
    assert tree(run) == before


def test_a_manifest_that_names_no_images_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path, 2)
    records = [json.loads(line) for line in (run / "manifest.jsonl").read_text().splitlines()]
    del records[1]["path"]
    (run / "manifest.jsonl").write_text("\n".join(map(json.dumps, records)) + "\n")
    with pytest.raises(ValueError, match="the record of 002 in its manifest names no image; predict again"):
        pack(run, "kitti", tmp_path / "kitti")
    (tmp_path / "file").touch()
    with pytest.raises(PackError, match=r"cannot write into .*file: "):
        pack(write_run(tmp_path / "b", 2), "kitti", tmp_path / "file/kitti")


def test_frames_without_a_pose_are_left_out_and_named(tmp_path: Path) -> None:
    run, poses = write_run(tmp_path, 4), tmp_path / "poses.txt"
    lines = [f"{time} {0.1 * time} 0 0 0 0 0 1" for time in (1, 2, 4)]
    poses.write_text("\n".join(lines))
    packed = pack(run, "kitti", tmp_path / "kitti", poses=poses)
    assert [frame["name"] for frame in packed.frames] == ["001", "002", "004"]
    assert [(f.source, f.reason) for f in packed.failures] == [("003.png", f"{poses}: has no pose for it")]
    np.testing.assert_allclose(np.loadtxt(tmp_path / "kitti/poses.txt")[:, 3], [0.1, 0.2, 0.4])


@pytest.mark.parametrize(
    ("numbers", "fps", "seconds"),
    [
        ((5, 6, 9), None, [5, 6, 9]),
        ((5, 6, 9), 2, [2.5, 3, 4.5]),
        ((1403636579763555584, 1403636579813555456), None, [1403636579.763555584, 1403636579.813555456]),
    ],
)
def test_numbers_are_times_of_any_unit(numbers: tuple, fps: float | None, seconds: list, tmp_path: Path) -> None:
    from mono.data.sample import Sample
    from mono.packs.frames import seconds_of
    from mono.slam.fusion.posed_depth import DepthFrame

    frames = [DepthFrame(Sample(str(number), tmp_path, "a"), tmp_path) for number in numbers]
    assert seconds_of(frames, fps) == pytest.approx(seconds, rel=1e-15, abs=1e-6)
