"""Keys of camera files: beside nested cameras, numbered, in text files, and those that are not about a camera."""

import io
import json

import numpy as np
import pytest

from mono.io.cameras.files import CameraFileError, camera_from_file

K = [[500, 0, 321], [0, 500, 241], [0, 0, 1]]
K2 = [[600, 0, 321], [0, 600, 241], [0, 0, 1]]
P = [[480, 0, 330, 0], [0, 480, 240, 0], [0, 0, 1, 0]]
F = [[1e-7, 2e-6, -1e-3], [3e-6, 1e-8, 0.02], [-1e-3, -0.02, 1]]
D = [-0.3, 0.1, 0.001, -0.002]
D2 = [-0.2, 0.05, 0, 0]
FISHEYE = [0.01, 0.02, 0, 0]
LARGE = {"width": 1280, "height": 960}
REALSENSE = {"ppx": 321, "ppy": 241, "fx": 500, "fy": 500, "coeffs": [0.01, 0.02, 0, 0, 0]}


def read(tmp_path, content, image="/shots/a.jpg", name="camera.json"):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return camera_from_file(path, 640, 480, image)


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "fx", "model", "distortion"),
    [
        (LARGE | {"camera": {"fx": 1000}}, 500, "pinhole", []),
        ({"resolution": [1280, 960], "cam0": {"intrinsics": [1000, 1000, 640, 480]}}, 500, "pinhole", []),
        ({"image_size": "1280x960", "left": {"fx": 1000}}, 500, "pinhole", []),
        ({"color": {"K": K}, "dist_coeffs": D}, 500, "pinhole", D),
        ({"distortion_model": "equidistant", "cam0": {"K": K, "D": FISHEYE}}, 500, "fisheye", FISHEYE),
        ({"image": LARGE | {"file": "a.jpg", "size": 12345}, "camera": {"fx": 1000}}, 500, "pinhole", []),
        ({"image": LARGE, "fx": 1000}, 500, "pinhole", []),
        ({"rgb": LARGE, "focal_length": {"x": 1000, "y": 1000}}, 500, "pinhole", []),
        ({"camera": {"make": "Canon", "serial": 7}, "K": K, "D": D}, 500, "pinhole", D),
        ({"K": K, "distortion": {"k1": -0.3, "k2": 0.1, "p1": 0.001, "p2": -0.002}}, 500, "pinhole", D),
        ({"K": K, "distortion": {"model": "equi", "coefficients": FISHEYE}}, 500, "fisheye", FISHEYE),
        ({"fx": 1000, "resolution": LARGE | {"fps": 30}}, 500, "pinhole", []),
        ({"K": K, "distortion": "none"}, 500, "pinhole", []),
        ({"K": K, "distortion": False, "k1": "none"}, 500, "pinhole", []),
        ({"principal_point": {"x": 321, "y": 241}, "camera": {"fx": 500}}, 500, "pinhole", []),
        ({"K": K, "dist": D, "P1": P, "R1": K, "F": F, "E": F}, 500, "pinhole", D),
        ({"M1": K, "D1": D, "F": F}, 500, "pinhole", D),
        ({"P2": P}, 480, "pinhole", []),
        ({"model": "PinholeCameraModel", "K": K, "D": D}, 500, "pinhole", D),
    ],
)
def test_keys_of_a_camera_count_wherever_they_stand(content, fx, model, distortion, tmp_path, caplog):
    camera = read(tmp_path, content)
    assert (camera.fx, camera.model, list(camera.distortion)) == (fx, model, distortion)
    assert not caplog.text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"width": 1280, "height": 800, "camera": {"fx": 1000}}, "is for 1280x800 images"),
        ({"fx": 500, "intrinsics": {"fx": 600}}, "fx (500) contradicts intrinsics.fx (600); keep one"),
        ({"width": 640, "height": 480, "intrinsics": LARGE | {"fx": 500}}, "contradicts intrinsics.width (1280)"),
        ({"K": K, "D": D, "dist": D2}, "D contradicts dist; keep one"),
        ({"K": K, "D": D, "k1": 0.2}, "k1 (0.2) contradicts the list of coefficients (-0.3)"),
        ({"fx": "500 mm"}, "fx is '500 mm'; it must be a finite number, or a matrix"),
        ({"K": "opencv", "cx": 320}, "K is 'opencv'; it must be a finite number, or a matrix"),
        ({"K": K, "distortion_model": "opencv_poly"}, "'opencv_poly', a lens model that is not known"),
        ({"K": K, "D": D, "type": "fisheye rig"}, "type is 'fisheye rig', a lens model that is not known"),
        ({"fx": 500, "resolution": {"a": 1}}, "resolution is {'a': 1}; it must be a list of numbers"),
        ({"focal_length": [1, 2, 3]}, "focal_length has 3 numbers; it must have 2"),
        ({"left": {"fps": 30}, "right": {"fx": 500}}, "left has no focal length"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(content, message, tmp_path):
    with pytest.raises(CameraFileError) as caught:
        read(tmp_path, content)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"K": K, "D": D, "model": "EOS R5"},
            "model is 'EOS R5', which names no lens model; the model pinhole is used",
        ),
        ({"K": K, "D": D, "type": "rgb"}, "type is 'rgb', which names no lens model"),
        ({"camera": {"model": "OmniVision"}, "K": K, "D": D}, "camera.model is 'OmniVision'"),
        ({"K": K, "D": D, "model": "fisheye", "p1": 0.1}, "not used: p1"),
        ({"M1": K, "D2": D}, "not used: D2"),
        ({"K": K, "D1": D, "D2": D2}, "not used: D2"),
        ({"color": {"K": K}, "depth": {"K": K2}, "viewer": {"size": "a"}, "lens": {"k1": 1}}, "not used: depth, lens"),
        ({"K": K, "unit": "mm"}, "not used: unit"),
        ({"K": K, "is_fisheye": "maybe"}, "not used: is_fisheye"),
        ({"K": K, "D": D, "camera_model": "GoPro Hero 9"}, "camera_model is 'GoPro Hero 9', which names no lens model"),
        ({"K": K, "D": D, "model": 435}, "model is 435, which names no lens model; the model pinhole is used"),
        ({"K": K, "projection_type": 0}, "projection_type is 0, which names no lens model"),
        ({"K": K, "camera_model": {"make": "Canon"}}, "which names no lens model"),
        ({"K": K, "type": "360 camera"}, "type is '360 camera', which names no lens model"),
        ({"K": K, "model": "EOS fisheye"}, "model is 'EOS fisheye', which names no lens model"),
        ({"K": K, "type": "distorted"}, "type is 'distorted', which names no lens model"),
        ({"camera_matrix": K, "camera_matrix_right": K2}, "not used: camera_matrix_right"),
        ({"camera_matrix": K, "width_1": 320, "height_1": 240}, "not used: height_1, width_1"),
        ({"K": K, "D": D, "K2": K2, "D2": D2}, "not used: D2, K2"),
        ({"LEFT.K": K2, "LEFT.D": D, "RIGHT.K": K2, "RIGHT.D": D2, "Camera.fx": 500}, "LEFT.D, LEFT.K, RIGHT.D"),
    ],
)
def test_keys_that_are_not_used_are_named(content, message, tmp_path, caplog):
    assert read(tmp_path, content).fx == 500
    assert message in caplog.text


CAMERA = {"fx": 500, "fy": 501, "cx": 321, "cy": 241, "width": 640, "height": 480}


@pytest.mark.parametrize("camera", [CAMERA, {"fx": 500, "fy": 501, "principal_point": [321, 241]}])
@pytest.mark.parametrize("name", ["camera", "cam0", "color"])
@pytest.mark.parametrize(
    "beside",
    [
        {"height": 1.65}, {"focal_length": 4.2}, {"f": 1.8}, {"center": [0.1, 0.2, 1.3]}, {"size": 12345},
        {"resolution": 0.05}, {"px": 1.2, "py": 3.4}, {"matrix": np.eye(4).tolist()}, {"distortion": True},
        {"fx": 600}, {"K": K2}, {"resolution": "high"},
    ],
)  # fmt: skip
def test_complete_cameras_are_not_contradicted_by_what_stands_beside_them(beside, name, camera, tmp_path, caplog):
    assert read(tmp_path, {**beside, name: camera}).intrinsics == (500, 501, 321, 241)
    assert f"not used: {', '.join(beside)}" in caplog.text


def test_original_sizes_and_other_streams_do_not_resize_a_camera(tmp_path):
    for beside in ({"width": 4000, "height": 3000}, {"depth": CAMERA, "width": 424, "height": 240}):
        assert read(tmp_path, {"color": CAMERA} | beside).intrinsics == (500, 501, 321, 241)
        assert read(tmp_path, beside | {"color": CAMERA}).intrinsics == (500, 501, 321, 241)


PAIRS = {
    "left and right": {"image_size": [640, 480], "left": {"K": K, "D": D}, "right": {"K": K2, "D": D2}, "P1": P},
    "cam_left and cam_right": {"cam_left": {"K": K, "D": D}, "cam_right": {"K": K2, "D": D2}},
    "K1 and K2": {"K1": K, "D1": D, "K2": K2, "D2": D2, "R": K, "T": [1, 0, 0], "P1": P, "P2": P, "Q": K, "E": F},
    "cameraMatrix1 and cameraMatrix2": {"cameraMatrix1": K, "distCoeffs1": D, "cameraMatrix2": K2, "distCoeffs2": D2},
    "K_left and K_right": {"K_left": K, "dist_left": D, "K_right": K2, "dist_right": D2},
}


@pytest.mark.parametrize("names", PAIRS)
def test_files_of_two_cameras_say_how_to_choose(names, tmp_path):
    first, _, second = names.split()
    folders = ("left", "right") if "K_left" in names else (first, second)
    cameras = [read(tmp_path, PAIRS[names], f"/shots/{folder}/a.jpg") for folder in folders]
    assert [camera.fx for camera in cameras] == [500, 600]
    assert [list(camera.distortion) for camera in cameras] == [D, D2]
    with pytest.raises(CameraFileError) as caught:
        read(tmp_path, PAIRS[names])
    assert f"holds several cameras ({', '.join(folders)}), and a.jpg lies in a folder of none" in str(caught.value)
    assert "put the images of each into a folder of its name, or keep one camera in the file" in str(caught.value)


def opencv(**matrices):
    lines = ["%YAML:1.0", "---"]
    for name, matrix in matrices.items():
        array = np.atleast_2d(np.array(matrix, float))
        head = f"   rows: {array.shape[0]}\n   cols: {array.shape[1]}\n   dt: d\n"
        lines.append(f"{name}: !!opencv-matrix\n{head}   data: {array.ravel().tolist()}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.yml", opencv(M1=K, D1=D, E=F, F=F)),
        ("a.yml", opencv(K=K, D=D, P2=P, R1=K)),
        ("a.yaml", f"K: {K}\nD: {D}\nP2: {P}\n"),
        ("a.yaml", f"K_1: {K}\nD_1: {D}\n"),
        ("a.npz", npz(K=K, dist=D, F=F, E=F, R=K)),
    ],
)
def test_opencv_files_with_more_than_one_matrix(name, content, tmp_path, caplog):
    camera = read(tmp_path, content, name=name)
    assert camera.intrinsics == (500, 500, 321, 241) and list(camera.distortion) == D
    assert not caplog.text


@pytest.mark.parametrize(
    ("name", "content", "listed"),
    [
        ("a.yml", opencv(M1=K, D1=D, M2=K2, D2=D2, P1=P, P2=P), "M1, M2"),
        ("a.npz", npz(K1=K, D1=D, K2=K2, D2=D2, P1=P, P2=P), "K1, K2"),
        ("a.yaml", "Camera1.fx: 500\nCamera2.fx: 600\nCamera.fps: 30\n", "Camera1, Camera2"),
        ("a.json", json.dumps({"P1": P, "P2": P}), "P1, P2"),
    ],
)
def test_stereo_files_without_a_choice_are_refused(name, content, listed, tmp_path):
    with pytest.raises(CameraFileError) as caught:
        read(tmp_path, content, name=name)
    assert f"holds several cameras ({listed})" in str(caught.value)


@pytest.mark.parametrize(
    ("folder", "fx"), [("left", 500), ("right", 600), ("cam0/data", 500), ("cam1/data", 600), ("Camera2", 600)]
)
def test_cameras_by_number_are_those_of_left_and_right(folder, fx, tmp_path):
    content = "Camera2.fx: 600\nCamera1.fx: 500\nCamera.fps: 30\n"
    assert read(tmp_path, content, f"/shots/{folder}/a.png", "a.yaml").fx == fx


FISHEYE_LINES = "fx = 500\nfy = 500\nk1 = 0.01\nk2 = 0.02\n"


@pytest.mark.parametrize(
    ("content", "fx", "model"),
    [
        ('camera_model = "OPENCV_FISHEYE"\n' + FISHEYE_LINES, 500, "fisheye"),
        ("model = fisheye\n" + FISHEYE_LINES, 500, "fisheye"),
        ("is_fisheye = true\n" + FISHEYE_LINES, 500, "fisheye"),
        ("is_fisheye = off\n" + FISHEYE_LINES, 500, "pinhole"),
        ("fx=1000\nfy=1000\nsize=1280x960\n", 500, "pinhole"),
        ("fx = 1.0e3\nwidth = 1_280\nheight = 960\n", 500, "pinhole"),
        ("K = [[500, 0, 321], [0, 500, 241], [0, 0, 1]]\nD = [[0.1], [0.0], [0.0], [0.0]]\n", 500, "pinhole"),
        ("K = [500 0 321; 0 500 241; 0 0 1];\n", 500, "pinhole"),
        ("fx = 500 px\nfy = 500 (pixels)\nwidth = 640 px\nheight = 480px\n", 500, "pinhole"),
        ("fx = 500\ndistortion = none\nk1 = none\n", 500, "pinhole"),
        ("fx = 500\ndistortion = []\ndistortion_model = N/A\n", 500, "pinhole"),
        ("cam0=[1000 0 640; 0 1000 480; 0 0 1]\nimage_width=1280\nimage_height=960\n", 500, "pinhole"),
    ],
)
def test_values_of_lines_are_read_whatever_they_are(content, fx, model, tmp_path, caplog):
    camera = read(tmp_path, content, name="a.toml")
    assert (camera.fx, camera.model) == (fx, model)
    assert not caplog.text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("fx = 500 mm\n", "fx is '500 mm'; it must be a finite number"),
        ("fx = 500\nfx = 600\n", "'fx' is there twice, with different values"),
        ("fx = 500\ncamera_model = lensbaby\n", "camera_model is 'lensbaby', a lens model that is not known"),
    ],
)
def test_values_of_lines_that_are_no_camera_are_refused(content, message, tmp_path):
    with pytest.raises(CameraFileError) as caught:
        read(tmp_path, content, name="a.ini")
    assert message in str(caught.value)


def test_texts_of_lines_and_archives_count(tmp_path, caplog):
    assert read(tmp_path, "fx = 500\nlens = wide\n", name="a.ini").fx == 500
    assert "not used: lens" in caplog.text
    assert read(tmp_path, "fx = 500\nresolution = full\ncenter = middle\n", name="a.ini").fx == 500
    assert "not used: center, resolution" in caplog.text
    assert read(tmp_path, npz(K=K, D=D, size="A4", camera_model="Logitech C920"), name="a.npz").fx == 500
    assert "not used: size" in caplog.text and "camera_model is 'Logitech C920', which names no lens" in caplog.text
    assert read(tmp_path, npz(K=K, D=FISHEYE, model="fisheye"), name="a.npz").model == "fisheye"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (0, "pinhole"), (3, "fov"), (4, "pinhole"), (5, "fisheye"), ("5", "fisheye"),
        ("distortion.brown_conrady", "pinhole"), ("distortion.kannala_brandt4", "fisheye"),
        ("<distortion.kannala_brandt4: 5>", "fisheye"), ("RS2_DISTORTION_KANNALA_BRANDT4", "fisheye"),
    ],
)  # fmt: skip
def test_models_of_realsense_have_names_and_numbers(model, expected, tmp_path, caplog):
    coefficients = {"coeffs": [0.9, 0, 0, 0, 0]} if expected == "fov" else {}
    assert read(tmp_path, REALSENSE | {"model": model} | coefficients).model == expected
    assert not caplog.text


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        (1, "1 (Modified Brown Conrady)"),
        (2, "2 (Inverse Brown Conrady)"),
        ("distortion.inverse_brown_conrady", "'distortion.inverse_brown_conrady'"),
    ],
)
def test_inverse_models_of_realsense_are_refused_but_with_zeros(model, shown, tmp_path):
    with pytest.raises(CameraFileError) as caught:
        read(tmp_path, REALSENSE | {"model": model})
    assert f"model is {shown}, whose coefficients have another meaning than OpenCV's" in str(caught.value)
    assert read(tmp_path, REALSENSE | {"model": model, "coeffs": [0.0] * 5}).fx == 500
