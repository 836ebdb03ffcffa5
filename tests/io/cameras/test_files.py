"""Camera files of many tools, all of one camera."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mono.data.camera_source import CameraResolver
from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.io.cameras.colmap import colmap_camera, colmap_parameters
from mono.io.cameras.files import CameraFileError, camera_from_file
from mono.io.images import read_image
from mono.system.errors import MetricDepthError

K = [[500, 0, 321], [0, 510, 241], [0, 0, 1]]
FLAT = [value for row in K for value in row]
COLUMNS = [value for column in zip(*K, strict=True) for value in column]
OPENCV = """%YAML:1.0
---
image_width: 640
image_height: 480
camera_matrix: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 5e2, 0., 321., 0., 5.1e+02, 241., 0., 0., 1. ]
distortion_coefficients: !!opencv-matrix
   rows: 1
   cols: 5
   dt: d
   data: [ 0., 0., 0., 0., 0. ]
"""
KALIBR = """cam0:
  camera_model: pinhole
  distortion_coeffs: [0.0, 0.0, 0.0, 0.0]
  distortion_model: radtan
  intrinsics: [500.0, 510.0, 321.0, 241.0]
  resolution: [640, 480]
  rostopic: /cam0/image_raw
"""
FILES: dict[str, str | bytes] = {
    "ours.json": json.dumps({"fx": 500, "fy": 510, "cx": 321, "cy": 241, "width": 640, "height": 480}),
    "bom.json": "\ufeff" + json.dumps({"fx": 500, "fy": 510, "cx": 321, "cy": 241}),
    "transforms.json": json.dumps({"fl_x": 500, "fl_y": 510, "cx": 321.5, "cy": 241.5, "w": 640, "h": 480,
                                   "frames": []}),
    "open3d.json": json.dumps({"width": 640, "height": 480, "intrinsic_matrix": COLUMNS}),
    "open3d_view.json": json.dumps({"class_name": "PinholeCameraParameters", "extrinsic": [1.0] * 16,
                                    "intrinsic": {"width": 640, "height": 480, "intrinsic_matrix": COLUMNS}}),
    "realsense.json": json.dumps({"width": 640, "height": 480, "ppx": 321, "ppy": 241, "fx": 500, "fy": 510,
                                  "model": "Inverse Brown Conrady", "coeffs": [0, 0, 0, 0, 0]}),
    "record3d.json": json.dumps({"w": 640, "h": 480, "K": COLUMNS}),
    "k.json": json.dumps({"K": K}),
    "cam_in.json": json.dumps({"cam_in": [500, 510, 321, 241]}),
    "rows.json": json.dumps(K),
    "flat.json": json.dumps(FLAT),
    "opencv.json": json.dumps({"camera_matrix": {"type_id": "opencv-matrix", "rows": 3, "cols": 3, "data": FLAT}}),
    "k3x3.txt": "500 0 321\n0 510 241\n0 0 1\n",
    "k3x4.txt": "500, 0, 321, -45\n0, 510, 241, 0\n0, 0, 1, 0\n",
    "k4x4.txt": "5.0e+02 0 321 0\n0 510 241 0\n0 0 1 0\n0 0 0 1\n",
    "numpy.txt": "[[500. 0. 321.]\n [0. 510. 241.]\n [0. 0. 1.]]\n",
    "four.txt": "500 510 321 241\n",
    "kitti.txt": "P0: 700 0 300 0 0 700 200 0 0 0 1 0\nP2: 5e2 0 3.21e2 45 0 5.1e2 2.41e2 0.2 0 0 1 3e-3\nTr: 1 0 0\n",
    "cam_to_cam.txt": "calib_time: 09-Jan-2012 13:57:47\ncorner_dist: 9.9e-02\n"
    "S_rect_02: 6.4e+02 4.8e+02\nK_02: " + " 1" * 9
    + "\nP_rect_02: 500 0 321 45 0 510 241 0.2 0 0 1 0\n",
    "ros.yaml": f"image_width: 640\nimage_height: 480\ncamera_name: narrow\n"
    f"camera_matrix:\n  rows: 3\n  cols: 3\n  data: {FLAT}\n",
    "ros_message.yaml": f"header:\n  frame_id: camera\nheight: 480\n"
    f"width: 640\ndistortion_model: plumb_bob\nd: [0.0, 0.0]\nk: {FLAT}\n---\n",
    "opencv.yaml": OPENCV,
    "kalibr.yaml": KALIBR,
    "euroc.yaml": "sensor_type: camera\nresolution: [640, 480]\n"
    "camera_model: pinhole\nintrinsics: [500, 510, 321, 241]\n",
    "orbslam.yaml": "%YAML:1.0\nCamera.type: PinHole\nCamera.fx: 500.0\n"
    "Camera.fy: 510.0\nCamera.cx: 321.0\nCamera.cy: 241.0\n",
    "cameras.txt": "# comment\n1 PINHOLE 640 480 500 510 321.5 241.5\n",
    "cameras.bin": struct.pack("<QIiQQ4d", 1, 1, 1, 640, 480, 500, 510, 321.5, 241.5),
}  # fmt: skip


def put(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("name", FILES)
def test_files_of_one_camera_agree(name, tmp_path, caplog):
    camera = camera_from_file(put(tmp_path / name, FILES[name]), 640, 480)
    assert camera == Camera(500, 510, 321, 241, 640, 480, camera.distortion) and not any(camera.distortion)
    assert not caplog.text


@pytest.mark.parametrize("shape", [(3, 3), (3, 4), (4, 4), (9,)])
def test_numpy_matrices(shape, tmp_path):
    matrix = np.eye(4)
    matrix[:3, :3] = K
    np.save(tmp_path / "k.npy", np.array(FLAT) if shape == (9,) else matrix[: shape[0], : shape[1]])
    assert camera_from_file(tmp_path / "k.npy", 640, 480).intrinsics == (500, 510, 321, 241)


@pytest.mark.parametrize(
    ("content", "size", "expected"),
    [
        ({"fx": 1500, "fy": 1500, "w": 1920, "h": 1080}, (1280, 720), (1000, 639.5, 359.5)),
        ({"fx": 1500, "cx": 959.5, "cy": 539.5, "w": 1920, "h": 1080}, (1440, 810), (1125, 719.5, 404.5)),
        ({"fx": 1500, "image_width": 1920, "image_height": 1080}, (1280, 720), (1000, 639.5, 359.5)),
        ({"fx": 612.1, "x0": 331.3, "y0": 251.8}, (640, 480), (612.1, 331.3, 251.8)),
        ({"focal_length": [600, 610], "principal_point": [300, 200]}, (640, 480), (600, 300, 200)),
        ({"camera_angle_x": np.pi / 2, "frames": []}, (640, 480), (320, 319.5, 239.5)),
    ],
)
def test_keys_of_other_tools(content, size, expected, tmp_path):
    camera = camera_from_file(put(tmp_path / "camera.json", json.dumps(content)), *size)
    assert (camera.fx, camera.cx, camera.cy) == pytest.approx(expected)


def test_unknown_keys_are_named_and_distortion_is_told(tmp_path, caplog):
    path = put(tmp_path / "camera.json", json.dumps({"fx": 500, "px_x": 3, "k1": -0.3, "k2": 0.1}))
    resolved = CameraResolver(camera_file=path).resolve(640, 480)
    assert resolved.camera.distortion == (-0.3, 0.1)
    assert "keys that mean nothing here are not used: px_x" in caplog.text
    assert "lens distortion, 73 deg" in resolved.detail


def test_cameras_are_chosen_by_the_images_path(tmp_path):
    two = put(
        tmp_path / "kalibr.yaml",
        "cam0:\n  intrinsics: [500, 500, 320, 240]\ncam1:\n  intrinsics: [600, 600, 320, 240]\n",
    )
    assert camera_from_file(two, 640, 480, tmp_path / "cam1" / "data" / "7.png").fx == 600
    kitti = put(tmp_path / "calib.txt", "P0: 5e2 0 320 0 0 5e2 240 0 0 0 1 0\nP3: 6e2 0 320 9 0 6e2 240 0 0 0 1 0\n")
    assert camera_from_file(kitti, 640, 480, tmp_path / "image_03" / "data" / "7.png").fx == 600
    frames = [{"file_path": f"./images/{n}.png", "fl_x": f, "cx": 320, "cy": 240} for n, f in (("a", 500), ("b", 700))]
    nerf = put(tmp_path / "transforms.json", json.dumps({"w": 640, "h": 480, "frames": frames}))
    assert camera_from_file(nerf, 640, 480, tmp_path / "images" / "b.png").fx == 700
    with pytest.raises(CameraFileError, match=r"no frame for c\.png"):
        camera_from_file(nerf, 640, 480, tmp_path / "images" / "c.png")


def test_binary_colmap_models_name_their_images(tmp_path):
    cameras = [struct.pack("<IiQQ4d", i, 1, 640, 480, f, f, 320.5, 240.5) for i, f in ((1, 500), (2, 600))]
    put(tmp_path / "cameras.bin", struct.pack("<Q", 2) + b"".join(cameras))
    images = [
        struct.pack("<I7dI", i, 1, 0, 0, 0, 0, 0, 0, i) + name + b"\0" + struct.pack("<Qddq", 1, 3.0, 4.0, -1)
        for i, name in ((1, b"left/a.jpg"), (2, b"right/a.jpg"))
    ]
    put(tmp_path / "images.bin", struct.pack("<Q", 2) + b"".join(images))
    assert camera_from_file(tmp_path / "cameras.bin", 640, 480, "/shots/right/a.jpg").fx == 600
    put(tmp_path / "images.bin", struct.pack("<Q", 2) + images[0])
    with pytest.raises(CameraFileError, match="cut short"):
        camera_from_file(tmp_path / "cameras.bin", 640, 480, "/shots/right/a.jpg")


@pytest.mark.parametrize("name", ["cameras.txt", "transforms.json", "frames.json"])
@pytest.mark.parametrize("size", [(64, 48), (48, 48)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_cameras_of_stored_pixels_turn_as_the_photo_is_turned(orientation, size, name, tmp_path):
    """A point's pixel is where the upright photo shows the stored one."""
    stored = np.zeros((size[1], size[0], 3), np.uint8)
    stored[10, 20] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    keys = dict(zip(("w", "h", "fl_x", "fl_y", "cx", "cy"), (*size, 50, 45, 20.5, 10.5), strict=True))
    content = {
        "cameras.txt": f"1 PINHOLE {size[0]} {size[1]} 50 45 20.5 10.5\n",
        "transforms.json": json.dumps(keys | {"camera_angle_x": 1.1, "frames": [{"file_path": "./a.png"}]}),
        "frames.json": json.dumps({"frames": [keys | {"file_path": "./a.png"}]}),
    }
    resolver = CameraResolver(camera_file=put(tmp_path / name, content[name]))
    photo = read_image(tmp_path / "a.png")
    camera = resolver.resolve_for(Sample("a", tmp_path / "a.png", "a.png"), photo).camera
    assert (camera.cx, camera.cy) == tuple(np.argwhere(photo.rgb[..., 0])[0, ::-1])
    assert photo.rgb[round(camera.cy), round(camera.cx)].tolist() == [255, 255, 255]
    assert (camera.fx, camera.fy) == ((45, 50) if orientation >= 5 else (50, 45))


def test_colmap_cameras_of_upright_copies_stay(tmp_path):
    put(tmp_path / "cameras.txt", "1 PINHOLE 480 640 500 450 231 311\n")
    camera = camera_from_file(tmp_path / "cameras.txt", 480, 640, None, 6)
    assert camera.intrinsics == (500, 450, 230.5, 310.5)


def test_distortion_turns_with_the_camera():
    camera = Camera(500, 500, 300, 200, 640, 480, (0.1, 0.02, 0.003, 0.004))
    assert camera.turned(3).distortion == (0.1, 0.02, -0.003, -0.004)
    assert camera.turned(6).turned(8) == camera and camera.turned(5).turned(5) == camera


XML = """<?xml version="1.0"?>
<opencv_storage>
<image_width>640</image_width>
<image_height>480</image_height>
<camera_matrix type_id="opencv-matrix"><rows>3</rows><cols>3</cols><dt>d</dt><data>
  500. 0. 321. 0. 510. 241. 0. 0. 1.</data></camera_matrix>
<distortion_coefficients type_id="opencv-matrix"><rows>1</rows><cols>4</cols><dt>d</dt>
<data>-0.1 0.01 0.001 0.002</data></distortion_coefficients>
</opencv_storage>
"""
RADIAL = (-0.1, 0.01, 0.001, 0.002)
KANNALA = (0.03, -0.01, 0.002, -0.001)
PINHOLE = {"fl_x": 500, "fl_y": 510, "cx": 321.5, "cy": 241.5, "w": 640, "h": 480}
OURS = {"fx": 500, "fy": 510, "cx": 321, "cy": 241}
NAMED = dict(zip(("k1", "k2", "k3", "k4"), KANNALA, strict=True))


def kalibr(model, distortion_model, intrinsics, distortion):
    return (
        f"cam0:\n  camera_model: {model}\n  distortion_model: {distortion_model}\n"
        f"  distortion_coeffs: {list(distortion)}\n"
        f"  intrinsics: {[*intrinsics, 500.0, 510.0, 321.0, 241.0]}\n  resolution: [640, 480]\n"
    )


def colmap(model, *parameters):
    return f"1 {model} 640 480 500 510 321.5 241.5 {' '.join(map(str, parameters))}\n"


LENSES = {
    "kalibr.yaml": (kalibr("pinhole", "equi", (), KANNALA), "fisheye", KANNALA),
    "kalibr_fov.yaml": (kalibr("pinhole", "fov", (), (0.9,)), "fov", (0.9,)),
    "kalibr_omni.yaml": (kalibr("omni", "radtan", (1.2,), RADIAL), "unified", (1.2, *RADIAL)),
    "kalibr_eucm.yaml": (kalibr("eucm", "none", (0.6, 1.1), ()), "eucm", (0.6, 1.1)),
    "kalibr_ds.yaml": (kalibr("ds", "none", (-0.2, 0.6), ()), "double_sphere", (-0.2, 0.6)),
    "ros.yaml": (
        f"width: 640\nheight: 480\ndistortion_model: equidistant\nd: {list(KANNALA)}\nk: {FLAT}\n", "fisheye", KANNALA
    ),
    "ros8.yaml": (
        f"width: 640\nheight: 480\ndistortion_model: rational_polynomial\nd: {[*RADIAL, 0, 0.1, 0, 0]}\nk: {FLAT}\n",
        "pinhole", (*RADIAL, 0, 0.1, 0, 0),
    ),
    "opencv.yaml": (OPENCV.replace("0., 0., 0., 0., 0. ]", "-0.1, 0.01, 0.001, 0.002, 0. ]"), "pinhole", (*RADIAL, 0)),
    "opencv.xml": (XML, "pinhole", RADIAL),
    "opencv_fisheye.yaml": (
        OPENCV.replace("image_width", "flags: 0\nfisheye_model: 1\nimage_width")
        .replace("[ 0., 0., 0., 0., 0. ]", str([*KANNALA])), "fisheye", KANNALA,
    ),
    "opencv_pinhole.yaml": (
        OPENCV.replace("image_width", "fisheye_model: 0\nimage_width")
        .replace("[ 0., 0., 0., 0., 0. ]", str([*RADIAL])), "pinhole", RADIAL,
    ),
    "opencv_fisheye.xml": (
        XML.replace("<image_w", "<fisheye_model>1</fisheye_model><image_w")
        .replace("-0.1 0.01 0.001 0.002", " ".join(map(str, KANNALA))), "fisheye", KANNALA,
    ),
    "fisheye_flag.json": (
        json.dumps({"fisheye": True, "K": K, "D": [[value] for value in KANNALA], "image_size": [640, 480]}),
        "fisheye", KANNALA,
    ),
    "nerf.json": (json.dumps(PINHOLE | {"camera_model": "OPENCV_FISHEYE"} | NAMED), "fisheye", KANNALA),
    "nerf_flag.json": (json.dumps(PINHOLE | {"is_fisheye": True} | NAMED), "fisheye", KANNALA),
    "text_flag.json": (json.dumps(PINHOLE | {"fisheye": "True"} | NAMED), "fisheye", KANNALA),
    "orbslam.yaml": (
        "%YAML:1.0\nCamera.type: KannalaBrandt8\nCamera1.fx: 500.0\nCamera1.fy: 510.0\nCamera1.cx: 321.0\n"
        "Camera1.cy: 241.0\n" + "".join(f"Camera1.{k}: {v}\n" for k, v in NAMED.items()), "fisheye", KANNALA
    ),
    "realsense.json": (
        json.dumps({"width": 640, "height": 480, "ppx": 321, "ppy": 241, "fx": 500, "fy": 510,
                    "model": "Kannala Brandt4", "coeffs": [*KANNALA, 0]}), "fisheye", KANNALA,
    ),
    "kitti.txt": (
        f"S_02: 6.4e+02 4.8e+02\nK_02: {' '.join(map(str, FLAT))}\nD_02: -0.1 0.01 0.001 0.002 0\n",
        "pinhole", (*RADIAL, 0),
    ),
    "ours.json": (
        json.dumps(OURS | {"model": "double_sphere", "distortion": [-0.2, 0.6]}), "double_sphere", (-0.2, 0.6)
    ),
    "named.json": (json.dumps(OURS | {"model": "eucm", "alpha": 0.6, "beta": 1.1}), "eucm", (0.6, 1.1)),
    "kitti360.yaml": (
        "%YAML:1.0\n---\nmodel_type: MEI\ncamera_name: image_02\nimage_width: 640\nimage_height: 480\n"
        "mirror_parameters:\n   xi: 2.2\ndistortion_parameters:\n   k1: -0.1\n   k2: 0.01\n   p1: 0.001\n"
        "   p2: 0.002\nprojection_parameters:\n   gamma1: 500\n   gamma2: 510\n   u0: 321\n   v0: 241\n",
        "unified", (2.2, *RADIAL),
    ),
    "vins.yaml": (
        "%YAML:1.0\n---\nmodel_type: KANNALA_BRANDT\ncamera_name: cam0\nimage_width: 640\nimage_height: 480\n"
        "projection_parameters:\n   k2: 0.03\n   k3: -0.01\n   k4: 0.002\n   k5: -0.001\n   mu: 500\n   mv: 510\n"
        "   u0: 321\n   v0: 241\n", "fisheye", KANNALA,
    ),
    "vins_pinhole.yaml": (
        "%YAML:1.0\n---\nmodel_type: PINHOLE\ncamera_name: camera\nimage_width: 640\nimage_height: 480\n"
        "distortion_parameters:\n   k1: -0.1\n   k2: 0.01\n   p1: 0.001\n   p2: 0.002\n"
        "projection_parameters:\n   fx: 500\n   fy: 510\n   cx: 321\n   cy: 241\n", "pinhole", RADIAL,
    ),
    "basalt.json": (
        json.dumps({"value0": {"T_imu_cam": [], "resolution": [[640, 480]], "intrinsics": [
            {"camera_type": "ds", "intrinsics": OURS | {"xi": -0.2, "alpha": 0.6}}]}}), "double_sphere", (-0.2, 0.6)
    ),
    "basalt8.json": (
        json.dumps({"value0": {"resolution": [[640, 480]], "intrinsics": [{"camera_type": "pinhole-radtan8",
            "intrinsics": OURS | {"k1": -0.1, "k2": 0.01, "p1": 0.001, "p2": 0.002, "k4": 0.1, "rpmax": 2}}]}}),
        "pinhole", (*RADIAL, 0, 0.1),
    ),
    "basalt_ucm.json": (
        json.dumps({"value0": {"intrinsics": [{"camera_type": "ucm", "intrinsics": OURS | {"alpha": 0.6}}]}}),
        "eucm", (0.6, 1),
    ),
    "basalt_fov.json": (
        json.dumps({"value0": {"resolution": [[640, 480]], "intrinsics": [{"camera_type": "fov", "intrinsics":
            {key: OURS[key] for key in ("fx", "fy", "cx", "cy")} | {"w": 0.9}}]}}), "fov", (0.9,),
    ),
    "unified_alpha.json": (json.dumps(OURS | {"model": "unified", "alpha": 0.6}), "eucm", (0.6, 1)),
    "opencv_omni.json": (json.dumps(OURS | {"xi": 1.2, "D": RADIAL}), "unified", (1.2, *RADIAL)),
    "camera_type.json": (json.dumps(OURS | {"camera_type": "fisheye", "D": KANNALA}), "fisheye", KANNALA),
    "kb.json": (json.dumps(OURS | {"model": "KB", "distortion": KANNALA}), "fisheye", KANNALA),
    "pinhole_full.json": (json.dumps(OURS | {"model": "PINHOLE_FULL", "D": RADIAL}), "pinhole", RADIAL),
    "division.json": (json.dumps(OURS | {"model": "radial_division", "distortion": -0.2}), "division", (-0.2,)),
    "scalar.json": (json.dumps(OURS | {"distortion": 0}), "pinhole", ()),
    "tum.txt": ("500 510 321 241 -0.1 0.01 0.001 0.002 0.03\n", "pinhole", (*RADIAL, 0.03)),
    "droid.txt": ("500 510 321 241 -0.1 0.01 0.001 0.002\n", "pinhole", RADIAL),
    "dso.txt": ("RadTan 500 510 321 241 -0.1 0.01 0.001 0.002\n640 480\ncrop\n640 480\n", "pinhole", RADIAL),
    "dso_fisheye.txt": ("KannalaBrandt 500 510 321 241 0.03 -0.01 0.002 -0.001\n640 480\n0.4 0.5 0.5 0.5 0\n640 480\n",
                        "fisheye", KANNALA),
    "tum_mono.txt": (
        f"{500 / 640} {510 / 480} {321.5 / 640} {241.5 / 480} 0.9\n640 480\nnone\n640 480\n", "fov", (0.9,)
    ),
    "stella.yaml": (
        "Camera:\n  name: a\n  setup: monocular\n  model: fisheye\n  fx: 500\n  fy: 510\n  cx: 321\n  cy: 241\n"
        "  k1: 0.03\n  k2: -0.01\n  k3: 0.002\n  k4: -0.001\n  fps: 30\n  cols: 640\n  rows: 480\n"
        "  color_order: RGB\n", "fisheye", KANNALA,
    ),
    "euroc.yaml": (
        "sensor_type: camera\ncomment: VI-Sensor cam0\nT_BS:\n  cols: 4\n  rows: 4\n  data: [1, 0, 0, 0]\nrate_hz: 20\n"
        "resolution: [640, 480]\ncamera_model: pinhole\nintrinsics: [500, 510, 321, 241]\n"
        "distortion_model: radial-tangential\ndistortion_coefficients: [-0.1, 0.01, 0.001, 0.002]\n", "pinhole", RADIAL,
    ),
    "scannetpp.json": (
        json.dumps(PINHOLE | {"camera_model": "OPENCV_FISHEYE"} | NAMED | {
            "frames": [{"file_path": "DSC1.JPG", "transform_matrix": [], "is_bad": False}], "test_frames": [],
            "has_mask": True, "aabb_scale": 4}), "fisheye", KANNALA,
    ),
    "cameras.txt": (colmap("FULL_OPENCV", *RADIAL, 0, 0.1, 0, 0), "pinhole", (*RADIAL, 0, 0.1, 0, 0)),
    "thin.txt": (
        colmap("THIN_PRISM_FISHEYE", *RADIAL, 0, 0, 0.01, 0.02), "thin_prism_fisheye", (*RADIAL, 0, 0, 0.01, 0.02)
    ),
    "fov.txt": (colmap("FOV", 0.9), "fov", (0.9,)),
    "division.txt": (colmap("DIVISION", -0.1), "division", (-0.1,)),
    "eucm.txt": (colmap("EUCM", 0.6, 1.1), "eucm", (0.6, 1.1)),
    "cameras.bin": (
        struct.pack("<QIiQQ8d", 1, 1, 5, 640, 480, 500, 510, 321.5, 241.5, *KANNALA), "fisheye", KANNALA
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LENSES)
def test_lens_models_of_all_formats(name, tmp_path, caplog):
    content, model, parameters = LENSES[name]
    camera = camera_from_file(put(tmp_path / name, content), 640, 480)
    assert camera == Camera(*camera.intrinsics, 640, 480, parameters, model)
    assert camera.intrinsics == pytest.approx((500, 510, 321, 241), rel=1e-14)
    assert not caplog.text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", '{"model": "equirectangular"}'),
        ("a.json", '{"camera_model": "EQUIRECTANGULAR", "w": 640, "h": 320, "frames": []}'),
        ("a.json", '{"camera_model": "EQUIRECTANGULAR", "fl_x": 320, "fl_y": 320, "w": 640, "h": 320, "frames": []}'),
        ("a.yaml", "Camera:\n  model: equirectangular\n  cols: 640\n  rows: 320\n"),
        ("cameras.txt", "1 EQUIRECTANGULAR 640 320 640 320\n"),
    ],
)
def test_panoramas_need_no_focal_length(name, content, tmp_path):
    assert camera_from_file(put(tmp_path / name, content), 640, 320) == Camera.panorama(640, 320)
    half = camera_from_file(put(tmp_path / name, content), 320, 160)
    assert half.intrinsics == pytest.approx(Camera.panorama(320, 160).intrinsics)


@pytest.mark.parametrize(
    ("content", "model", "distortion"),
    [
        ({"lens_type": "fisheye", "D": [-0.3, 0.1, 0.001, 0.002, 0]}, "pinhole", (-0.3, 0.1, 0.001, 0.002, 0)),
        ({"camera_type": "fisheye", "is_fisheye": False, "k1": 0.1}, "pinhole", (0.1,)),
        ({"lens_type": "K4A_CALIBRATION_LENS_DISTORTION_MODEL_BROWN_CONRADY", "k1": 0.1}, "pinhole", (0.1,)),
        ({"lens_type": "distorted", "k1": 0.1}, "pinhole", (0.1,)),
        ({"xi": 0.8, "alpha": 0, "k1": 0.1}, "unified", (0.8, 0.1)),
    ],
)
def test_coefficients_count_before_loose_names(tmp_path, content, model, distortion):
    (tmp_path / "camera.json").write_text(json.dumps(OURS | content))
    camera = camera_from_file(tmp_path / "camera.json", 640, 480)
    assert (camera.model, camera.distortion[: len(distortion)]) == (model, distortion)
    assert not any(camera.distortion[len(distortion) :])


@pytest.mark.parametrize("name", ["cameras.txt", "thin.txt", "fov.txt", "division.txt", "eucm.txt", "cameras.bin"])
def test_cameras_of_colmap_come_back(name, tmp_path):
    camera = camera_from_file(put(tmp_path / name, LENSES[name][0]), 640, 480)
    model, parameters = colmap_parameters(camera)
    assert colmap_camera(model, 640, 480, parameters) == camera
    pycolmap = pytest.importorskip("pycolmap")
    theirs = pycolmap.Camera(model=model, width=640, height=480, params=parameters)
    pixels = theirs.img_from_cam(camera.rays_at([[100.0, 200.0], [400.0, 300.0]]))
    np.testing.assert_allclose(pixels, [[100.5, 200.5], [400.5, 300.5]], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.yaml", "fx: [1, 2\n", "is not valid YAML"),
        ("a.yaml", "fx: five\n", "fx is 'five'"),
        ("a.json", '{"fx": ', "line 1, column 8: is not valid JSON; correct it there"),
        ("a.txt", "P2: 1 2 x\n", "P22?: 'x' is not a number"),
        ("a.txt", "1 2 3\n4 5\n", "holds 5 numbers"),
        ("a.txt", "hello world\n", "no camera file of a known kind"),
        ("a.txt", "1 PINHOLE 640 480 500 five 3 4\n", "'five' is not a number"),
        ("a.xml", "<opencv_storage/>", "has no focal length"),
        ("a.xml", "<opencv_storage>", "line 1, column 17: is not valid XML"),
        ("a.xml", "<calibration><f>5</f></calibration>", "is XML of another tool"),
        ("a.xml", '<!DOCTYPE x [<!ENTITY a "b">]><opencv_storage>&a;</opencv_storage>', "with entities"),
        ("a.yaml", "cam0:\n  camera_model: omni\n  intrinsics: [-7, 2, 3, 4, 5]\n", "xi is -7"),
        ("a.yaml", "camera_model: lensbaby\nfx: 500\n", "camera_model is 'lensbaby', a lens model that is not known"),
        (
            "a.json",
            '{"fx": 500, "camera_model": "x", "k1": 0.1}',
            "camera_model is 'x', a lens model that is not known",
        ),
        ("a.json", '{"fx": 500, "model": "fisheye_poly", "k1": 1}', "model is 'fisheye_poly', a lens model that is"),
        ("a.json", '{"fx": 500, "model": "Inverse Brown Conrady", "coeffs": [0.1]}', "another meaning than OpenCV"),
        ("a.json", '{"fx": 500, "model": "eucm", "distortion_model": "equidistant"}', "contradicts"),
        ("a.json", '{"fx": 500, "model": "eucm", "alpha": 0.6}', "beta is 0"),
        ("a.json", '{"fx": 500, "model": "ucm", "D": [0.6]}', "has no key alpha"),
        ("a.json", '{"fov_deg": 90, "projection": "equirectangular"}', "leave it out"),
        ("a.json", '{"fov_deg": 90, "model": "fisheye"}', "has a field of view for the lens model fisheye"),
        ("a.json", '{"fx": 500, "model": "fisheye", "distortion": [1, 2, 3, 4, 5]}', "takes at most 4: k1, k2, k3, k4"),
        ("a.json", '{"v2 dji": 1, "projection_type": "brown", "focal_x": 0.8, "k1": 0.1}', "is 0.8 px .*OpenSfM"),
        ("a.json", '{"model": "radial_poly", "k1": 339, "k2": -31, "fx": 300}', "'radial_poly', a lens model"),
        ("a.yaml", "model_type: SCARAMUZZA\nfx: 3\n", "'SCARAMUZZA', a lens model that is not known"),
        (
            "a.json",
            '{"fx": 500, "camera_type": "spherical_x", "k1": 1}',
            "'spherical_x', a lens model that is not known",
        ),
        ("a.json", '{"fx": 500, "distortion": 0.1}', "distortion is 0.1; it must be a list"),
        ("a.json", '{"v2 dji": {"projection_type": "brown", "focal_x": 0.8}}', "OpenSfM's focal is a share"),
        ("a.txt", "#polynomial coefficients for the DIRECT mapping function\n5 -2.6e+02 0 1.5e-03\n", "OCamCalib"),
        ("a.txt", "RadTan 5 5 3\n640 480\ncrop\n640 480\n", "no camera file of a known kind"),
        ("a.npy", b"\x93NUMPY\x01", "damaged"),
        ("cameras.bin", struct.pack("<QIiQQd", 1, 1, 1, 640, 480, 5), "cut short"),
        ("cameras.bin", struct.pack("<QIiQQ", 1, 1, 99, 640, 480), "model number 99"),
        ("a.json", "", "is empty"),
    ],
)
def test_broken_files_are_explained(name, content, message, tmp_path):
    with pytest.raises(CameraFileError, match=message) as caught:
        camera_from_file(put(tmp_path / name, content), 640, 480, "a.jpg")
    assert not any(word in str(caught.value) for word in ("invalid literal", "Expecting", "could not convert"))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(FILES)),
    changes=st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=0, max_size=4)), max_size=6),
    cut=st.integers(0, 400),
)
def test_damaged_files_give_a_camera_or_a_message(name, changes, cut, tmp_path):
    content = FILES[name]
    raw = bytearray(content if isinstance(content, bytes) else content.encode())
    for place, what in changes:
        raw[place % len(raw) : place % len(raw) + 1] = what
        raw = raw or bytearray(b"\0")
    path = tmp_path / name
    path.write_bytes(bytes(raw[: len(raw) - cut % 40]))
    try:
        assert isinstance(CameraResolver(camera_file=path).resolve(640, 480).camera, Camera)
    except MetricDepthError as error:
        assert str(error)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
KEYS = [
    "fx",
    "fy",
    "K",
    "w",
    "h",
    "width",
    "height",
    "intrinsics",
    "camera",
    "frames",
    "D",
    "k1",
    "model",
    "resolution",
]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.dictionaries(st.sampled_from(KEYS), json_values | st.just(500.0) | st.just(FLAT), max_size=5))
def test_json_of_any_types_gives_a_camera_or_a_message(content, tmp_path):
    path = tmp_path / "camera.json"
    path.write_text(json.dumps(content))
    try:
        assert isinstance(CameraResolver(camera_file=path).resolve(640, 480).camera, Camera)
    except MetricDepthError as error:
        assert str(error)


@pytest.mark.parametrize(
    "text",
    [
        "fx = 1000\nfy = 1020\ncx = 642.5\ncy = 482.5\nwidth = 1280\nheight = 960\n",
        "cam0=[1000 0 642.5; 0 1020 482.5; 0 0 1]\nbaseline=193\nwidth=1280\nheight=960\n",  # Middlebury
        "colorWidth = 1280\ncolorHeight = 960\nfx_color = 1000\nfx_depth = 290\nfy_color = 1020\n"
        "mx_color = 642.5\nmy_color = 482.5\ncolorToDepthExtrinsics = 1 0 0 0\n",  # ScanNet
    ],
)
def test_lines_of_keys_and_numbers(text, tmp_path):
    (tmp_path / "camera.txt").write_text(text)
    camera = camera_from_file(tmp_path / "camera.txt", 640, 480, tmp_path / "a.jpg")
    np.testing.assert_allclose(camera.intrinsics, (500, 510, 321, 241))


ROS = {
    "width": 1280, "height": 960, "distortion_model": "", "D": [], "K": [1000, 0, 641, 0, 1000, 481, 0, 0, 1],
    "P": [0.0] * 12, "binning_x": 0, "binning_y": 0,
    "roi": {"x_offset": 0, "y_offset": 0, "height": 0, "width": 0, "do_rectify": False},
}  # fmt: skip
ROI = {"x_offset": 320, "y_offset": 240, "height": 480, "width": 640, "do_rectify": False}


@pytest.mark.parametrize(
    ("changes", "size", "expected"),
    [
        ({}, (1280, 960), (1000, 1000, 641, 481)),
        ({}, (640, 480), (500, 500, 320.25, 240.25)),
        ({"roi": ROI}, (640, 480), (1000, 1000, 321, 241)),
        ({"roi": ROI}, (320, 240), (500, 500, 160.25, 120.25)),
        ({"roi": ROI}, (1280, 960), (1000, 1000, 641, 481)),  # the whole image nevertheless
        ({"roi": ROI, "binning_x": 2, "binning_y": 2}, (320, 240), (500, 500, 160.25, 120.25)),
        ({"roi": ROI, "binning_x": 2, "binning_y": 1}, (320, 480), (500, 1000, 160.25, 241)),
        ({"binning_x": 4, "binning_y": 2}, (320, 480), (250, 500, 159.875, 240.25)),
        ({"binning_x": 2, "binning_y": 2, "roi": None}, (640, 480), (500, 500, 320.25, 240.25)),
        ({"roi": ROI | {"width": 1280, "x_offset": 960}}, (1280, 960), (1000, 1000, 641, 481)),  # of no use there
    ],
)
def test_windows_and_binning_of_ros(changes, size, expected, tmp_path, caplog):
    camera = camera_from_file(put(tmp_path / "info.yaml", json.dumps(ROS | changes)), *size)
    assert camera == Camera(*expected, *size)
    assert not caplog.text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"K": [0.0] * 9}, "K is all zeros: the camera was not calibrated"),
        ({"roi": ROI | {"x_offset": 960}}, "its roi of 640x480 pixels at 960, 240 reaches beyond the 1280x960"),
        ({"roi": ROI | {"y_offset": -1}}, "roi.y_offset is -1; it must be a number of whole pixels, 0 or more"),
        ({"binning_x": 1.5}, "binning_x is 1.5; it must be a number of whole pixels, 0 or more"),
        ({"D": [0.1, 0.2, 0, 0]}, "distortion_model is '', a lens model that is not known"),
    ],
)
def test_messages_of_ros_that_cannot_be_used_are_explained(changes, message, tmp_path):
    with pytest.raises(CameraFileError) as caught:
        camera_from_file(put(tmp_path / "info.yaml", json.dumps(ROS | changes)), 640, 480)
    assert message in str(caught.value)


MIDDLEBURY = """cam0=[3997.684 0 1176.728; 0 3997.684 1011.728; 0 0 1]
cam1=[3997.684 0 1307.839; 0 3997.684 1011.728; 0 0 1]
doffs=131.111
baseline=193.001
width=2964
height=1988
ndisp=280
isint=0
vmin=31
vmax=257
dyavg=0.918
dymax=1.516
"""


@pytest.mark.parametrize(
    ("name", "cx"), [("im0.png", 1176.728), ("im1.png", 1307.839), ("im1E.png", 1307.839), ("im0e3.png", 1176.728)]
)
def test_images_of_middlebury_have_the_camera_of_their_number(name, cx, tmp_path):
    path = put(tmp_path / "calib.txt", MIDDLEBURY)
    camera = camera_from_file(path, 2964, 1988, tmp_path / name)
    assert camera == Camera(3997.684, 3997.684, cx, 1011.728, 2964, 1988)
    for other in ("im2.png", "im10.png", "left.png"):
        with pytest.raises(CameraFileError, match=r"holds several cameras \(cam0, cam1\)"):
            camera_from_file(path, 2964, 1988, tmp_path / other)
    kalibr = put(tmp_path / "k.yaml", "cam0:\n  intrinsics: [5, 5, 3, 2]\ncam1:\n  intrinsics: [6, 6, 3, 2]\n")
    with pytest.raises(CameraFileError, match="holds several cameras"):  # im1 may be the second image of cam0
        camera_from_file(kalibr, 6, 4, tmp_path / "im1.png")


def test_a_matrix_of_columns_is_read_and_other_brackets_are_no_json(tmp_path):
    (tmp_path / "columns.json").write_text(json.dumps({"K": [[500, 0, 0], [0, 510, 0], [321, 241, 1]]}))
    camera = camera_from_file(tmp_path / "columns.json", 640, 480, tmp_path / "a.jpg")
    assert camera.intrinsics == (500, 510, 321, 241)
    (tmp_path / "zed.conf").write_text("[LEFT_CAM]\nfx=500\n[RIGHT_CAM]\nfx=501\n")
    with pytest.raises(CameraFileError, match="is no camera file of a known kind"):
        camera_from_file(tmp_path / "zed.conf", 640, 480, tmp_path / "a.jpg")


def arrays(**values):
    file = io.BytesIO()
    np.savez(file, **values)
    return file.getvalue()


MATRIX = [[500.0, 0, 321], [0, 510, 241], [0, 0, 1]]
BAD_OBJECT = np.array([{"K": MATRIX}], dtype=object)


@pytest.mark.parametrize(
    ("name", "content", "distortion"),
    [
        ("a.npz", arrays(mtx=MATRIX, dist=[[0.1, 0.2, 0, 0, 0.3]], rvecs=np.zeros((9, 3, 1))), (0.1, 0.2, 0, 0, 0.3)),
        ("K.npz", arrays(K=MATRIX), ()),
        ("frame.pincam", "640 480 500 510 321 241", ()),
        ("freiburg.txt", "500 510 321 241 0.26 -0.95 -0.005 0.003 1.16", (0.26, -0.95, -0.005, 0.003, 1.16)),
        ("nuscenes.json", json.dumps([{"token": "a", "camera_intrinsic": MATRIX}]), ()),
        ("mapping.json", json.dumps({"camera_matrix": {"fx": 500, "fy": 510, "cx": 321, "cy": 241}}), ()),
        ("waymo.json", json.dumps({"intrinsic": [500, 510, 321, 241, 0, 0, 0, 0, 0]}), ()),
        ("coeff.json", json.dumps({"K": MATRIX, "dist_coeff": [0.1, 0, 0, 0]}), (0.1, 0, 0, 0)),
        ("slashes.txt", "// fx fy cx cy\n500 510 321 241  // of the left camera\n", ()),
        ("percent.txt", "% K\n500 0 321\n0 510 241\n0 0 1\n", ()),
    ],
)  # fmt: skip
def test_more_kinds_of_files(name, content, distortion, tmp_path):
    camera = camera_from_file(put(tmp_path / name, content), 640, 480)
    assert camera == Camera(500, 510, 321, 241, 640, 480, distortion)


def test_fisheyes_saved_with_numpy_are_fisheyes(tmp_path):
    put(tmp_path / "a.npz", arrays(K=MATRIX, D=np.reshape(KANNALA, (4, 1)), is_fisheye=True))
    assert camera_from_file(tmp_path / "a.npz", 640, 480) == Camera(500, 510, 321, 241, 640, 480, KANNALA, "fisheye")
    put(tmp_path / "b.npz", arrays(my_K=MATRIX, ok=True))  # another flag is no reason to look for names
    assert camera_from_file(tmp_path / "b.npz", 640, 480).fx == 500


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", '{"fx": 500, "cx": 320, "fx": 700}', "'fx' is there twice, with different values"),
        ("a.yaml", "fx: 500\ncx: 320\nfx: 700\n", "'fx' is there twice, with different values"),
        ("a.npz", arrays(a=BAD_OBJECT), "no focal length"),
        ("a.npz", arrays(K=MATRIX)[:100], "damaged NPZ archive"),
        ("comma.txt", "500,5 510,5 321,2 241,3", "holds 8 numbers"),
        ("waymo.json", '{"intrinsic": [500, 510, 321, 241, 0.1, 0, 0, 0, 0]}', 'write it as "distortion": [0.1, 0.0'),
    ],
)
def test_numbers_that_may_mean_two_things_are_refused(name, content, message, tmp_path):
    with pytest.raises(CameraFileError) as caught:
        camera_from_file(put(tmp_path / name, content), 640, 480)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((1000, 1000, 639.5, 479.5), "would be the center of a 1280x960 image, and this one is 640x480"),
        ((250, 250, 159.5, 119.5), "would be the center of a 320x240 image"),
        ((500, 321, 500, 241), "fx = 500 and fy = 321 differ by 56 %"),
        ((500, 510, 241, 321), "its principal point fits 480x640 pixels, and this image is 640x480 upright"),
        ((500, 510, 321, 241), ""),
        ((500, 510, 400, 241), ""),
    ],
)
def test_numbers_of_another_size_order_or_turn_are_doubted(numbers, message, tmp_path, caplog):
    CameraResolver().resolve(640, 480, annotated=numbers)
    assert message in caplog.text and bool(message) == bool(caplog.text)


@pytest.mark.parametrize(
    "model", ["KB3", "equi4", "pinhole_equi", "pinhole_fov", "catadioptric", "cubemap", "mercator", "OPENCV_TILTED"]
)
def test_unknown_lens_models_are_refused_beside_coefficients(model, tmp_path):
    with pytest.raises(CameraFileError, match=f"model is '{model}', a lens model that is not known"):
        camera_from_file(put(tmp_path / "a.json", json.dumps(OURS | {"model": model, "D": RADIAL})), 640, 480)


@pytest.mark.parametrize(
    "device", ["D435", "iPhone15,2", "Pixel7", "IMX219", "OmniVision", "Kinect", "FC3582", "Insta360", "pinhole_left"]
)
def test_devices_are_no_lens_models(device, tmp_path):
    for key in ("model", "lens_model", "camera_type"):
        content = json.dumps(OURS | {key: device, "D": RADIAL})
        assert camera_from_file(put(tmp_path / f"{key}.json", content), 640, 480).distortion == RADIAL
