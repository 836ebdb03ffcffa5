"""ROS 2 bags, read back by rosbags."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest

from mono.cli.main import main
from mono.packs import pack
from mono.slam.trajectory.rotations import from_quaternions
from tests.packs.box_run import exact_depth, off_the_walls, poses
from tests.slam.boxes import CAMERA

rosbag2 = pytest.importorskip("rosbags.rosbag2")
typesys = pytest.importorskip("rosbags.typesys")


def messages(bag: Path) -> dict[str, list]:
    """Messages by topic, each with its time [ns]."""
    store, found = typesys.get_typestore(typesys.Stores.ROS2_HUMBLE), {}
    with rosbag2.Reader(bag) as reader:
        for connection, time, data in reader.messages():
            found.setdefault(connection.topic, []).append((time, store.deserialize_cdr(data, connection.msgtype)))
    return found


def test_a_bag_holds_metres_with_nan(run: Path, trajectory: Path, tmp_path: Path) -> None:
    pack(run, "ros2", tmp_path / "ros", poses=trajectory)
    found = messages(tmp_path / "ros/bag")
    assert {topic: len(values) for topic, values in found.items()} == dict.fromkeys(
        (
            *(f"/camera/{kind}" for kind in ("color/image_rect", "color/camera_info", "depth/image_rect")),
            *("/camera/depth/camera_info", "/camera/depth/points", "/tf"),
        ),
        4,
    )
    for i, pose in enumerate(poses(4)):
        time, image = found["/camera/depth/image_rect"][i]
        assert time == (i + 1) * 10**9 and image.header.stamp.sec == i + 1 and image.header.stamp.nanosec == 0
        assert (image.encoding, image.width, image.height, image.step) == ("32FC1", 240, 180, 960)
        depth = image.data.view("<f4").reshape(180, 240)
        assert np.isnan(depth[:3, :5]).all() and np.isnan(depth).sum() == 15
        np.testing.assert_allclose(depth[5:], exact_depth(CAMERA, pose)[5:], rtol=1e-6)
        info = found["/camera/depth/camera_info"][i][1]
        assert info.header.frame_id == image.header.frame_id == "camera_optical_frame"
        assert (info.width, info.height, info.distortion_model) == (240, 180, "plumb_bob")
        np.testing.assert_allclose(info.k, [CAMERA.fx, 0, CAMERA.cx, 0, CAMERA.fy, CAMERA.cy, 0, 0, 1])
        np.testing.assert_allclose(np.reshape(info.p, (3, 4))[:, :3].ravel(), info.k)
        assert not info.d.any()
        color = found["/camera/color/image_rect"][i][1]
        assert color.encoding == "rgb8" and (color.data.reshape(180, 240, 3)[..., 1] == 40 * i).all()
        (moved,) = found["/tf"][i][1].transforms
        assert (moved.header.frame_id, moved.child_frame_id) == ("world", "camera_optical_frame")
        r, t = moved.transform.rotation, moved.transform.translation
        np.testing.assert_allclose(from_quaternions(np.array([[r.x, r.y, r.z, r.w]]))[0], pose[:3, :3], atol=1e-9)
        np.testing.assert_allclose([t.x, t.y, t.z], pose[:3, 3], atol=1e-12)
        cloud = found["/camera/depth/points"][i][1]
        assert [field.name for field in cloud.fields] == ["x", "y", "z", "rgb"] and cloud.is_dense
        rows = cloud.data.view(np.dtype([("xyz", "<f4", 3), ("rgb", "<u4")]))
        assert len(rows) == cloud.width == 240 * 180 - 15 and cloud.row_step == len(rows) * 16
        assert off_the_walls(rows["xyz"] @ pose[:3, :3].T + pose[:3, 3]).max() < 1e-4
        assert ((rows["rgb"] >> 8 & 255) == 40 * i).all()


def test_a_bag_holds_millimetres_with_zero(run: Path, tmp_path: Path) -> None:
    packed = pack(run, "ros2", tmp_path / "ros", ros_depth="16UC1", fps=10)
    found = messages(tmp_path / "ros/bag")
    assert "/tf" not in found and packed.content["unit"] == "mm"
    time, image = found["/camera/depth/image_rect"][3]
    assert time == 400_000_000 and (image.encoding, image.step) == ("16UC1", 480)
    depth = image.data.view("<u2").reshape(180, 240)
    assert not depth[:3, :5].any()
    assert np.abs(depth[5:] - 1000 * exact_depth(CAMERA, poses(4)[3])[5:]).max() < 0.501


def test_a_full_disk_is_explained(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A limit on the size of files stands for the full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        assert main(["pack", str(run), "--as", "ros2", "--fps", "10", "--to", str(tmp_path / "ros")]) != 0
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    errors = capsys.readouterr().err
    assert errors.startswith("error: ") and errors.count("\n") == 1
    assert errors.strip().endswith(("pack/bag: disk I/O error", "pack/bag: database or disk is full"))
    assert not (tmp_path / "ros").exists()
