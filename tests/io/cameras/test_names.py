"""Images that camera files name."""

import json

import pytest

from mono.io.cameras.files import CameraFileError, camera_from_file
from mono.io.cameras.names import find_name, index_names


def transforms(path, *names):
    frames = [{"file_path": name, "fl_x": 500 + 100 * i, "cx": 320, "cy": 240} for i, name in enumerate(names)]
    path.write_text(json.dumps({"w": 640, "h": 480, "frames": frames}))
    return path


@pytest.mark.parametrize(
    ("names", "image"),
    [
        (("/d/images/a.png", "/d/images/b.png"), "/d/images/b.png"),
        (("/d/images/a.png", "/d/images/b.png"), "/moved/images/b.png"),
        (("/d/left/a.png", "/d/right/a.png"), "/moved/right/a.png"),
        (("C:\\d\\images\\a.png", "C:\\d\\images\\b.png"), "/moved/images/b.png"),
        (("../images/a.png", "../images/b.png"), "/moved/images/b.png"),
        (("./train/r_0", "./train/r_1"), "/moved/train/r_1.png"),
        (("train/r_0", "test/r_0"), "/moved/test/r_0.JPG"),
        (("images/a.png", "images/b.png"), "/moved/images_4/b.png"),
        (("images/b.png", "images_4/b.png"), "/moved/images_4/b.png"),
        (("cafe\u0301/a.png", "caf\u00e9/b.png"), "/moved/cafe\u0301/b.png"),
        (("\u00e9/a.png", "\u00e9/b.png"), "/moved/e\u0301/b.png"),
        (("x/../a.png", "images/b.v2"), "/moved/images/b.v2.png"),
    ],
)
def test_frames_are_found_however_they_are_named(names, image, tmp_path):
    assert camera_from_file(transforms(tmp_path / "t.json", *names), 640, 480, image).fx == 600


@pytest.mark.parametrize(
    ("name", "image", "alike"),
    [
        ("/d/left/a.png", "/moved/right/a.png", "it names d/left/a.png, whose folders or suffix differ"),
        ("left/a.png", "/moved/right/a.png", "it names left/a.png"),
        ("train/r_0", "/moved/r_0.png", "it names train/r_0"),
        ("a.png", "/moved/a.jpg", "it names a.png"),
        ("a.png", "/moved/a.png.jpg", "has no frame for a.png.jpg"),
    ],
)
def test_other_images_are_not_taken_for_frames(name, image, alike, tmp_path):
    with pytest.raises(CameraFileError) as caught:
        camera_from_file(transforms(tmp_path / "t.json", name), 640, 480, image)
    assert "has no frame for" in str(caught.value) and alike in str(caught.value)


@pytest.mark.parametrize("name", ["./b.jpg", "/d/cam2/b.jpg", "cam2\\b.jpg", "../cam2/b.jpg"])
def test_images_of_colmap_are_found_however_they_are_named(name, tmp_path):
    cameras = "".join(f"{i} PINHOLE 640 480 {f} {f} 320.5 240.5\n" for i, f in ((1, 500), (2, 600)))
    (tmp_path / "cameras.txt").write_text(cameras)
    (tmp_path / "images.txt").write_text(f"1 1 0 0 0 0 0 0 1 a.jpg\n\n2 1 0 0 0 0 0 0 2 {name}\n\n")
    assert camera_from_file(tmp_path / "cameras.txt", 640, 480, "/moved/cam2/b.jpg").fx == 600


def test_an_image_of_two_cameras_is_refused(tmp_path):
    with pytest.raises(CameraFileError, match=r"names \./a\.png twice, with different cameras"):
        index_names(tmp_path, [("a.png", 1), ("./a.png", 2)])
    assert find_name(index_names(tmp_path, [("a.png", 1), ("./a.png", 1)]), "a.png") == 1


SPLATS = [
    {"id": i, "img_name": name, "width": 1280, "height": 960, "position": [0, 0, 0], "rotation": [[1, 0, 0]] * 3,
     "fy": fx, "fx": fx}
    for i, (name, fx) in enumerate((("00000", 1000), ("00001", 1200)))
]  # fmt: skip


def test_cameras_of_gaussian_splatting_are_found_by_their_images(tmp_path, caplog):
    path = tmp_path / "cameras.json"
    path.write_text(json.dumps(SPLATS))
    assert camera_from_file(path, 640, 480, "/shots/00001.jpg").intrinsics == (600, 600, 319.5, 239.5)
    assert not caplog.text
    with pytest.raises(CameraFileError, match=r"has no frame for 2\.jpg"):
        camera_from_file(path, 640, 480, "/shots/2.jpg")
    path.write_text(json.dumps([{"fx": 500, "fy": 500}, {"fx": 600, "fy": 600}]))
    with pytest.raises(CameraFileError, match=r'is a list of 2 objects; .* "img_name" of 3D'):
        camera_from_file(path, 640, 480, "/shots/2.jpg")
    path.write_text(json.dumps([{"name": "cam0", "fx": 500}, {"name": "cam1", "fx": 600}]))
    assert camera_from_file(path, 640, 480, "/shots/cam1/2.jpg").fx == 600


def test_sizes_of_frames_count_beside_a_shared_focal_length(tmp_path):
    frames = [{"file_path": "a.png", "w": 1280, "h": 960}, {"file_path": "b.png", "w": 640, "h": 480}]
    path = tmp_path / "transforms.json"
    path.write_text(json.dumps({"fl_x": 500, "frames": frames}))
    assert [camera_from_file(path, 640, 480, name).fx for name in ("a.png", "b.png")] == [250, 500]


SHARED = {"fl_x": 500, "fl_y": 510, "cx": 320, "cy": 240, "w": 640, "h": 480}


@pytest.mark.parametrize(
    "repeated",
    [
        {"w": 640, "h": 480}, {"camera_model": "OPENCV"}, {"cx": 320}, {"is_fisheye": False}, SHARED,
        {"px": 1.0, "py": 2.0, "pz": 3.0}, {"px": 1.0, "py": 2.0}, {"matrix": [[1, 0], [0, 1]]}, {"k": 3},
        {"w": 640, "h": 480, "matrix": [[1, 0], [0, 1]], "center": [1, 2, 3]},
    ],
)  # fmt: skip
@pytest.mark.parametrize("image", ["/d/images/a.png", "/d/images/other.png", "/d/video.mp4"])
def test_frames_that_repeat_the_shared_camera_leave_it(repeated, image, tmp_path):
    frames = [{"file_path": f"images/{name}.png", **repeated} for name in "abc"]
    path = tmp_path / "transforms.json"
    path.write_text(json.dumps(SHARED | {"frames": [*frames, {"mask_path": "d.png", **repeated}]}))
    assert camera_from_file(path, 640, 480, image).intrinsics == (500, 510, 319.5, 239.5)
    path.write_text(json.dumps({"frames": [{"mask_path": "d.png"}] + [frame | SHARED for frame in frames[1:]]}))
    assert camera_from_file(path, 640, 480, "/d/video.mp4").intrinsics == (500, 510, 319.5, 239.5)


def test_cameras_of_frames_count_before_the_shared_one(tmp_path):
    frames = [{"file_path": "a.png", "fl_x": 600, "cx": 310}, {"file_path": "b.png", "K": [700, 700, 320, 240]}]
    path = tmp_path / "transforms.json"
    path.write_text(json.dumps(SHARED | {"frames": frames}))
    cameras = [camera_from_file(path, 640, 480, name) for name in ("a.png", "b.png")]
    assert [camera.intrinsics for camera in cameras] == [(600, 600, 309.5, 239.5), (700, 700, 320, 240)]
    with pytest.raises(CameraFileError, match=r"has no frame for c\.png"):
        camera_from_file(path, 640, 480, "c.png")
