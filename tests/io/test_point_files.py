from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mono.io.depth import read_depth
from mono.io.extrinsics import ExtrinsicsError, read_extrinsics
from mono.io.point_cloud import write_ply
from mono.io.point_files import PointFileError, read_points

POINTS = np.array([[1, 2, 3], [-4, 5.5, 6]], np.float32)


def test_our_own_ply_is_read(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", POINTS, np.zeros((2, 3), np.uint8), POINTS, np.array([[0, 1, 0]]))
    assert read_points(tmp_path / "a.ply").tolist() == POINTS.tolist()


def test_big_endian_doubles_and_text_are_read(tmp_path: Path) -> None:
    names = [("intensity", ">f4"), ("x", ">f8"), ("y", ">f8"), ("z", ">f8")]
    table = np.zeros(2, names)
    for i, axis in enumerate("xyz"):
        table[axis] = POINTS[:, i]
    header = "ply\nformat binary_big_endian 1.0\nelement vertex 2\nproperty float intensity\n"
    header += "".join(f"property double {axis}\n" for axis in "xyz") + "end_header\n"
    (tmp_path / "a.ply").write_bytes(header.encode() + table.tobytes())
    assert read_points(tmp_path / "a.ply").tolist() == POINTS.tolist()
    (tmp_path / "a.xyz").write_text("2\n1 2 3 255 0 0\n# note\n-4 5.5 6 0 0 0\nnan 0 0 0 0 0\n")
    assert read_points(tmp_path / "a.xyz").tolist() == POINTS.tolist()


@pytest.mark.parametrize(
    "text",
    [
        "x;y;z\n1,0;2;3\n-4;5,5;6,0\n",
        "1,0 2,0\t3,0\n-4 5,5 6\n",
        "//X,Y,Z\n1.0,2.0,3.0\n-4,5.5,6\n",
        "//X Y Z R\n2\n1 2 3 9\n-4 5.5 6 9\n",
        "1,2,3 9 9 9\n-4,5.5,6 9 9 9\n",
        "1, 2, 3, 9\n-4, 5.5, 6, 9\n",
        "1 2 3,7\n-4 5.5 6,9\n",
        "1,2 3 7\n-4,5.5 6 9\n",
        "X;Y;Z;int.\n1,0;2,0;3,0;1,5\n-4,0;5,5;6,0;2,5\n",
    ],
)
def test_separators_and_headers_of_other_programs_are_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert read_points(tmp_path / "a.csv").tolist() == POINTS.tolist()


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.ply", b"no", "is no PLY"),
        ("a.ply", b"ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nend_header\n1\n", "have no x, y and z"),
        (
            "a.ply",
            b"ply\nformat binary_little_endian 1.0\nelement vertex 9\nproperty float x\nproperty float y\n"
            b"property float z\nend_header\n1234",
            "is cut short",
        ),
        ("a.bin", b"123", "is no KITTI scan"),
        ("a.las", b"LASF", "is damaged, or no LAS"),
        ("a.csv", b"", "holds no points"),
        ("a.csv", b"\xff\xfe\x00", "is not text"),
        ("a.obj", b"v 1 2 3", "points are read from"),
    ],
)
def test_damaged_clouds_are_refused(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    if name.endswith("las"):
        pytest.importorskip("laspy")
    (tmp_path / name).write_bytes(data)
    with pytest.raises(PointFileError, match=message):
        read_points(tmp_path / name)


def test_extrinsics_of_all_kinds_agree(tmp_path: Path) -> None:
    turn = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]], np.float64)
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn, (0.1, -0.2, 0.3)
    flat = " ".join(map(str, matrix[:3].ravel()))
    files = {
        "m.txt": "\n".join(" ".join(map(str, row)) for row in matrix),
        "row.txt": flat,
        "kitti.txt": f"P2: 1 0 0 0 0 1 0 0 0 0 1 0\nR0_rect: 1 0 0 0 1 0 0 0 1\nTr_velo_to_cam: {flat}",
        "velo.txt": f"R: {' '.join(map(str, turn.ravel()))}\nT: 0.1 -0.2 0.3",
        "q.txt": "0.1 -0.2 0.3 0.5 -0.5 0.5 0.5",
        "tf.yaml": "transform:\n  translation: {x: 0.1, y: -0.2, z: 0.3}\n"
        "  rotation: {x: 0.5, y: -0.5, z: 0.5, w: 0.5}",
        "m.json": '{"T_cam_lidar": ' + str(matrix.tolist()) + "}",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        assert read_extrinsics(tmp_path / name) == pytest.approx(matrix, abs=1e-9), name
    np.save(tmp_path / "m.npy", matrix)
    assert read_extrinsics(tmp_path / "m.npy", inverse=True) @ matrix == pytest.approx(np.eye(4), abs=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 3", "of a known kind"),
        ("{", "of a known kind"),
        ("a: [", "of a known kind"),
        ("2 0 0 0 0 2 0 0 0 0 2 0", "no rotation"),
        ("-1 0 0 0 0 1 0 0 0 0 1 0", "a reflection"),
        ("1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 2", "last row 0 0 0 1"),
    ],
)
def test_what_is_no_rigid_transform_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "e.txt").write_text(text)
    with pytest.raises(ExtrinsicsError, match=message):
        read_extrinsics(tmp_path / "e.txt")


def test_pfm_depth_is_read_top_row_first(tmp_path: Path) -> None:
    depth = np.array([[1, 2, 3], [4, 5, np.inf]], np.float32)
    for order, scale in (("<", "-1.0"), (">", "1.0")):
        (tmp_path / "a.pfm").write_bytes(f"Pf\n3 2\n{scale}\n".encode() + depth[::-1].astype(f"{order}f4").tobytes())
        assert read_depth(tmp_path / "a.pfm").tolist() == [[1, 2, 3], [4, 5, 0]]
    (tmp_path / "a.pfm").write_bytes(b"Pf\n3 2\n1.0\n123")
    with pytest.raises(ValueError, match="is cut short"):
        read_depth(tmp_path / "a.pfm")
    (tmp_path / "a.pfm").write_bytes(b"PF\n3 2\n1.0\n" + bytes(72))
    with pytest.raises(ValueError, match="color PFM"):
        read_depth(tmp_path / "a.pfm")
