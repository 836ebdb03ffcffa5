"""ROS 2 bag: images, depth, camera, points and poses as messages."""

from __future__ import annotations

import contextlib
import errno
import importlib
import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mono.io.depth_encoding import quantise
from mono.io.depth_metadata import DepthEncoding
from mono.io.point_cloud import point_cloud
from mono.packs.frames import PackFrame
from mono.packs.layout import INTEGER_CENTERS, OPENCV_AXES, Layout, PackError
from mono.slam.trajectory.rotations import to_quaternions

_FRAME, _WORLD = "camera_optical_frame", "world"
_LATEST = 2**31 * 10**9  # [ns]
_MOST_POINTS = 300_000  # of a cloud; of larger images, every second, third … pixel and row
_TYPES = {
    "/camera/color/image_rect": "sensor_msgs/msg/Image",
    "/camera/color/camera_info": "sensor_msgs/msg/CameraInfo",
    "/camera/depth/image_rect": "sensor_msgs/msg/Image",
    "/camera/depth/camera_info": "sensor_msgs/msg/CameraInfo",
    "/camera/depth/points": "sensor_msgs/msg/PointCloud2",
    "/tf": "tf2_msgs/msg/TFMessage",
}


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn errors of the bag's database, as on a full disk, into OSError."""
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(errno.EIO, str(error), str(path)) from error


class Ros2Bag(Layout):
    """Writer of the bag bag/ (SQLite, version 8: Humble and later)."""

    def _start(self) -> None:
        try:
            rosbag2, typesys = importlib.import_module("rosbags.rosbag2"), importlib.import_module("rosbags.typesys")
        except ImportError as error:
            raise PackError(f"ROS bags need the package rosbags ({error}): pip install 'metricdepth[ros]'") from error
        self._store = typesys.get_typestore(typesys.Stores.ROS2_HUMBLE)
        self._writer = rosbag2.Writer(self.folder / "bag", version=8)
        with _writing(self.folder / "bag"):
            self._writer.open()
        self._topics: dict[str, Any] = {}
        self._shift: float | None = None
        self._last = -math.inf

    def add(self, frame: PackFrame) -> dict[str, Any]:
        """Write the messages of a frame."""
        if frame.seconds <= self._last:
            raise PackError(
                f"its time, {frame.seconds:g} s, does not come after {self._last:g} s: pack one video or sequence at a "
                "time"
            )
        self._last = frame.seconds
        if self._shift is None:  # a stamp of 0 means "the latest" to tf
            self._shift = 1.0 - frame.seconds if frame.seconds < 1e-9 else 0.0
        stamp = round((frame.seconds + self._shift) * 1e9)
        if not stamp < _LATEST:
            raise PackError(f"its time, {frame.seconds:g} s, is beyond what a ROS stamp holds: give --fps")
        camera, depth = frame.camera, frame.depth
        header = self._header(stamp, _FRAME)
        info = self._camera_info(frame, header)
        if self.options.ros_depth == "32FC1":
            values, beyond = np.where(depth > 0, depth, np.float32(np.nan)).astype("<f4"), 0
        else:
            values, beyond = quantise(depth, 1000)[0].astype("<u2"), DepthEncoding(1000).count_beyond(depth)
        self._send("/camera/color/image_rect", stamp, self._image(header, frame.rgb, "rgb8"))
        self._send("/camera/color/camera_info", stamp, info)
        self._send("/camera/depth/image_rect", stamp, self._image(header, values, self.options.ros_depth))
        self._send("/camera/depth/camera_info", stamp, info)
        self._send("/camera/depth/points", stamp, self._cloud(frame, header))
        if frame.pose is not None:
            self._send("/tf", stamp, self._transform(stamp, frame.pose))
        size = f"{camera.width}x{camera.height}"
        return {"stamp_ns": stamp, "size": size, **({"beyond_range": beyond} if beyond else {})}

    def finish(self) -> dict[str, Any]:
        """Close the bag."""
        with _writing(self.folder / "bag"):
            self._writer.close()
        metres = self.options.ros_depth == "32FC1"
        return {
            "unit": "m" if metres else "mm",
            "stored": f"{self.options.ros_depth} on /camera/depth/image_rect" + ("" if metres else "; farthest 65.5 m"),
            "invalid": "NaN" if metres else 0,
            "camera_axes": f"{OPENCV_AXES} ({_FRAME}, an optical frame of REP 103)",
            "pixel_centers": INTEGER_CENTERS,
            "camera": "camera_info, rectified: plumb_bob with zeros",
            "topics": sorted(self._topics),
            "seconds_added_to_times": self._shift or 0.0,
        }

    def _send(self, topic: str, stamp: int, message: Any) -> None:
        kind = _TYPES[topic]
        with _writing(self.folder / "bag"):
            if topic not in self._topics:
                self._topics[topic] = self._writer.add_connection(topic, kind, typestore=self._store)
            self._writer.write(self._topics[topic], stamp, self._store.serialize_cdr(message, kind))

    def _type(self, name: str) -> Any:
        return self._store.types[name]

    def _header(self, stamp: int, frame_id: str) -> Any:
        time = self._type("builtin_interfaces/msg/Time")(sec=stamp // 10**9, nanosec=stamp % 10**9)
        return self._type("std_msgs/msg/Header")(stamp=time, frame_id=frame_id)

    def _image(self, header: Any, values: np.ndarray, encoding: str) -> Any:
        data = np.ascontiguousarray(values)
        return self._type("sensor_msgs/msg/Image")(
            header=header,
            height=data.shape[0],
            width=data.shape[1],
            encoding=encoding,
            is_bigendian=0,
            step=data.strides[0],
            data=data.view(np.uint8).reshape(-1),
        )

    def _camera_info(self, frame: PackFrame, header: Any) -> Any:
        camera = frame.camera
        roi = self._type("sensor_msgs/msg/RegionOfInterest")(
            x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
        )
        return self._type("sensor_msgs/msg/CameraInfo")(
            header=header,
            height=camera.height,
            width=camera.width,
            distortion_model="plumb_bob",
            d=np.zeros(5),
            k=camera.matrix.ravel(),
            r=np.eye(3).ravel(),
            p=np.column_stack([camera.matrix, np.zeros(3)]).ravel(),
            binning_x=0,
            binning_y=0,
            roi=roi,
        )

    def _cloud(self, frame: PackFrame, header: Any) -> Any:
        depth, camera = frame.depth, frame.camera
        step = math.ceil(math.sqrt(depth.size / _MOST_POINTS))
        if step > 1:
            thinned = np.zeros_like(depth)
            thinned[::step, ::step] = depth[::step, ::step]
            depth = thinned
        cloud = point_cloud(depth, frame.rgb, camera)
        layout = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("rgb", "<u4")])
        rows = np.empty(len(cloud), layout)
        for axis, name in enumerate("xyz"):
            rows[name] = cloud.points[:, axis]
        red, green, blue = cloud.colors.astype(np.uint32).T
        rows["rgb"] = red << 16 | green << 8 | blue
        kind, names = self._type("sensor_msgs/msg/PointField"), ("x", "y", "z", "rgb")
        fields = [kind(name=name, offset=4 * i, datatype=kind.FLOAT32, count=1) for i, name in enumerate(names)]
        return self._type("sensor_msgs/msg/PointCloud2")(
            header=header,
            height=1,
            width=len(rows),
            fields=fields,
            is_bigendian=False,
            point_step=layout.itemsize,
            row_step=rows.nbytes,
            data=rows.view(np.uint8).reshape(-1),
            is_dense=True,
        )

    def _transform(self, stamp: int, pose: np.ndarray) -> Any:
        x, y, z, w = (float(v) for v in to_quaternions(pose[None, :3, :3])[0])
        across, down, forward = (float(v) for v in pose[:3, 3])
        transform = self._type("geometry_msgs/msg/Transform")(
            translation=self._type("geometry_msgs/msg/Vector3")(x=across, y=down, z=forward),
            rotation=self._type("geometry_msgs/msg/Quaternion")(x=x, y=y, z=z, w=w),
        )
        stamped = self._type("geometry_msgs/msg/TransformStamped")(
            header=self._header(stamp, _WORLD), child_frame_id=_FRAME, transform=transform
        )
        return self._type("tf2_msgs/msg/TFMessage")(transforms=[stamped])
