"""Bad input of every kind: each ends in one clear message, and the rest of the run is complete."""

import json
import logging
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from mono.cli import session
from mono.cli.main import main
from tests.golden.reference_values import reference_image

GOOD = ("good_a", "good_b")


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, name in enumerate(GOOD):
        PIL.Image.fromarray(reference_image(36, 48, i)).save(folder / f"{name}.png")
    return folder


def call(arguments, caplog, capsys):
    """Runs the command; returns its exit code and what it said of errors: logged ones, and the one it ended with."""
    caplog.clear()
    with caplog.at_level(logging.INFO):
        code = main([str(a) for a in arguments])
    logged = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    ended = list(capsys.readouterr().err.split("error: ")[1:])
    return code, logged, ended


def image(path, size=(48, 36), mode="RGB", **options):
    PIL.Image.fromarray(reference_image(size[1], size[0], 7)).convert(mode).save(path, **options)
    return path


def truncated(path):
    image(path, (480, 360))
    path.write_bytes(path.read_bytes()[:-2000])


def flipped_byte(path):
    image(path, (480, 360))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


IMAGES = {
    "truncated.jpg": (truncated, "truncated"),
    "truncated.png": (truncated, "truncated"),
    "damaged.png": (flipped_byte, "damaged.png"),
    "zero_bytes.jpg": (lambda p: p.write_bytes(b""), "empty"),
    "text.jpg": (lambda p: p.write_text("a letter to my aunt"), "text.jpg"),
    "page.png": (lambda p: p.write_text("<!doctype html><html></html>"), "page.png"),
    "one_pixel.png": (lambda p: image(p, (1, 1)), "1x1"),
    "thread.png": (lambda p: PIL.Image.new("RGB", (20000, 20)).save(p), "20000x20"),
    "noise.webp": (lambda p: p.write_bytes(bytes(range(256)) * 9), "noise.webp"),
    "header_only.bmp": (lambda p: p.write_bytes(b"BM" + bytes(60)), "header_only.bmp"),
    "pointer.png": (lambda p: p.write_text("version https://git-lfs.github.com/spec/v1\n"), "pointer.png"),
    "broken_link.png": (lambda p: p.symlink_to("nowhere.png"), "broken_link.png"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_a_bad_image(name, photos, toy, tmp_path, caplog, capsys):
    make, expected_message = IMAGES[name]
    make(photos / name)
    out = tmp_path / "out"
    code, logged, ended = call(["predict", photos, photos / name, "--out", out, "--focal-px", 60], caplog, capsys)
    assert code == 1 and not ended
    assert len(logged) == 1 and name in logged[0] and expected_message in logged[0], logged
    assert sorted(p.stem for p in out.glob("depth/*.png")) == sorted(GOOD)
    records = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    assert sorted(r["status"] for r in records) == ["failed", "ok", "ok"]


def test_an_animated_image_gives_its_first_frame_and_says_so(photos, toy, tmp_path, caplog, capsys):
    frames = [PIL.Image.fromarray(reference_image(36, 48, i)) for i in range(3)]
    frames[0].save(photos / "moving.webp", save_all=True, append_images=frames[1:], lossless=True)
    code, logged, _ = call(["predict", photos, "--out", tmp_path / "out", "--focal-px", 60], caplog, capsys)
    assert code == 0 and not logged
    assert "moving.webp" in caplog.text and (tmp_path / "out/depth/moving.png").is_file()


def test_long_names_are_shortened_and_stop_nothing(photos, toy, tmp_path, caplog, capsys):
    for name in ("x" * 250, "x" * 251, "\u5199" * 83, "y" * 247 + ".camera"):
        image(photos / f"{name}.png"[-255:])
    out = tmp_path / "out"
    for _ in range(2):
        arguments = ["predict", photos, "--out", out, "--focal-px", 60, "--save", "depth,vis,pcd"]
        code, logged, ended = call(arguments, caplog, capsys)
        assert not ended and code == bool(logged)
    names = {path.stem for path in out.glob("depth/*.png")}
    assert {*GOOD, "x" * 250, "\u5199" * 83} <= names and len(names) == 6 and all(len(n.encode()) <= 250 for n in names)
    assert {path.stem for path in out.glob("pcd/*.ply")} == names


def test_a_name_that_cannot_even_be_asked_for_stops_no_other(photos, toy, tmp_path, caplog, capsys, monkeypatch):
    def ask(path):
        if path.name == "good_a.png":
            raise OSError(36, "File name too long", f"{path}.camera.json")
        return

    monkeypatch.setattr("mono.runs.records.camera_file_beside", ask)
    code, logged, ended = call(["predict", photos, "--out", tmp_path / "out", "--focal-px", 60], caplog, capsys)
    assert code == 1 and not ended and len(logged) == 1 and "File name too long" in logged[0]
    assert [path.stem for path in (tmp_path / "out").glob("depth/*.png")] == ["good_b"]


ENTRY = {"rgb": "good_a.png", "depth": "d.npy", "cam_in": [60, 60, 24, 18]}
DOCUMENTS = {
    "no JSON": ('{"files": [', "JSON"),
    "not an object": ('"files"', "files"),
    "no files": ('{"images": []}', "files"),
    "empty list": ('{"files": []}', "empty"),
    "files is no list": ('{"files": {"rgb": "a"}}', "files"),
    "entry is text": ({"files": ["good_a.png"]}, "entry 0"),
    "no rgb": ({"files": [{"cam_in": [60, 60, 24, 18]}]}, "rgb"),
    "rgb is a number": ({"files": [ENTRY | {"rgb": 3}]}, "rgb"),
    "rgb is missing": ({"files": [ENTRY | {"rgb": "nowhere.png"}]}, "nowhere.png"),
    "depth is missing": ({"files": [ENTRY | {"depth": "nowhere.npy"}]}, "nowhere.npy"),
    "focal length is NaN": ('{"files": [{"rgb": "good_a.png", "cam_in": [NaN, 60, 24, 18]}]}', "cam_in"),
    "focal length is zero": ({"files": [ENTRY | {"cam_in": [0, 60, 24, 18]}]}, "cam_in"),
    "three intrinsics": ({"files": [ENTRY | {"cam_in": [60, 60, 24]}]}, "cam_in"),
    "depth_scale is zero": ({"files": [ENTRY | {"depth_scale": 0}]}, "depth_scale"),
    "the same image twice": ({"files": [ENTRY, ENTRY]}, "good_a.png"),
}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_bad_annotation(kind, photos, toy, tmp_path, caplog, capsys):
    document, expected_message = DOCUMENTS[kind]
    np.save(photos / "d.npy", np.ones((36, 48), np.float32))
    path = photos / "annotations.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    code, logged, ended = call(["evaluate", path, "--out", tmp_path / "out"], caplog, capsys)
    assert code == 2 and not logged and len(ended) == 1
    assert "annotations.json" in ended[0] and not (tmp_path / "out").exists()
    assert expected_message in ended[0]


def test_every_problem_of_an_annotation_is_listed(photos, toy, tmp_path, capsys):
    entries = [ENTRY | {"cam_in": [0, 60, 24, 18]}, {"depth": "d.npy"}, ENTRY | {"rgb": "nowhere.png"}]
    (photos / "a.json").write_text(json.dumps({"files": entries}))
    assert main(["evaluate", str(photos / "a.json"), "--out", str(tmp_path / "out")]) == 2
    expected_message = capsys.readouterr().err
    for words in ("entry 0", "cam_in", "entry 1", "rgb", "entry 2", "nowhere.png"):
        assert words in expected_message


def depth_8_bit(path):
    PIL.Image.new("L", (48, 36), 9).save(path)


def depth_rgb(path):
    PIL.Image.new("RGB", (48, 36), (9, 9, 9)).save(path)


def depth_cut(path):
    PIL.Image.fromarray(np.random.default_rng(0).integers(1, 9999, (36, 48), np.uint16)).save(path)
    path.write_bytes(path.read_bytes()[:-900])


def depth_3d(path):
    np.save(path, np.ones((36, 48, 3), np.float32))


GROUND_TRUTHS = {
    "d8.png": (depth_8_bit, "8"),
    "rgb.png": (depth_rgb, "rgb.png"),
    "cut.png": (depth_cut, "cut.png"),
    "empty.npy": (lambda p: p.write_bytes(b""), "empty.npy"),
    "three.npy": (depth_3d, "three.npy"),
    "pickled.npy": (lambda p: np.save(p, np.array([{}], object), allow_pickle=True), "pickled.npy"),
}


@pytest.mark.parametrize("name", GROUND_TRUTHS)
def test_bad_ground_truth(name, photos, toy, tmp_path, caplog, capsys):
    make, expected_message = GROUND_TRUTHS[name]
    make(photos / name)
    np.save(photos / "d.npy", np.full((36, 48), 2.0, np.float32))
    bad = ENTRY | {"rgb": "good_b.png", "depth": name} | ({"depth_scale": 1000} if name.endswith("png") else {})
    (photos / "a.json").write_text(json.dumps({"files": [ENTRY, bad]}))
    code, logged, ended = call(["evaluate", photos / "a.json", "--out", tmp_path / "out"], caplog, capsys)
    assert code == 1 and not ended and len(logged) == 1
    assert name in logged[0] and expected_message in logged[0]
    assert json.loads((tmp_path / "out/metrics.json").read_text())["images"] == 1


@pytest.mark.parametrize(
    ("flags", "expected_message"),
    [
        (["--focal-px", "0"], "focal_px is 0"),
        (["--focal-px", "nan"], "focal_px is nan"),
        (["--fov-deg", "200"], "fov_deg is 200"),
        (["--intrinsics", "500,500,320"], "four finite numbers"),
        (["--intrinsics", "nan,500,24,18"], "four finite numbers"),
        (["--camera", "nowhere.json"], "nowhere.json"),
        (["--batch_size", "0"], "batch size is 0"),
        (["--save", "depth,film"], 'cannot save "film"'),
        (["--focal-sweep", "500,0"], "focal sweep holds 0"),
    ],
)
def test_bad_flags(flags, expected_message, photos, toy, tmp_path, caplog, capsys):
    code, logged, ended = call(["predict", photos, "--out", tmp_path / "out", *flags], caplog, capsys)
    assert code == 2 and not logged and len(ended) == 1 and expected_message in ended[0]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "expected_message"),
    [
        ("{", "camera.json"),
        ('{"fx": 0, "cx": 1}', "camera.json"),
        ('{"focal_px": NaN}', "camera.json"),
        ('{"fx": 60, "fy": 60, "cx": 5, "cy": 5, "width": 50, "height": 9}', "camera.json"),
    ],
)
def test_a_bad_camera_file_beside_the_photos(content, expected_message, photos, toy, tmp_path, caplog, capsys):
    (photos / "camera.json").write_text(content)
    code, logged, ended = call(["predict", photos, "--out", tmp_path / "out"], caplog, capsys)
    assert code == 1 and not ended
    assert len(logged) == len(GOOD) and all(expected_message in message for message in logged)


@pytest.mark.parametrize(
    ("content", "expected_message"),
    [("{", "is not valid JSON"), ("", "is empty"), ('{"width": 48}', "has no focal length"), (None, "Is a directory")],
)
def test_a_bad_camera_file_is_refused_before_the_model_is_loaded(
    content, expected_message, photos, monkeypatch, tmp_path, caplog, capsys
):
    monkeypatch.setattr(session, "load_predictor", lambda *_, **__: pytest.fail("loaded"))
    camera = tmp_path / "lens.json"
    camera.mkdir() if content is None else camera.write_text(content)
    code, logged, ended = call(["predict", photos, "--out", tmp_path / "out", "--camera", camera], caplog, capsys)
    assert code == 2 and not logged and len(ended) == 1 and f"{camera}: " in ended[0] and expected_message in ended[0]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["missing", "page", "text", "truncated", "code", "other network", "not finite"])
def test_a_bad_checkpoint(kind, photos, tiny_checkpoint, tmp_path, caplog, capsys):
    path = tmp_path / "weights.pth"
    if kind == "page":
        path.write_text("<html>not found</html>")
    elif kind == "text":
        path.write_text("weights")
    elif kind == "truncated":
        path.write_bytes(tiny_checkpoint.read_bytes()[:100_000])
    elif kind == "code":
        torch.save({"model_state_dict": {}, "hook": os.system}, path)
    elif kind == "other network":
        shutil.copy(tiny_checkpoint, path)
    elif kind == "not finite":
        content = torch.load(tiny_checkpoint, weights_only=True)
        content["model_state_dict"]["depth_model.encoder.stages.0.0.gamma"][3] = torch.inf
        torch.save(content, path)
    config = "convlarge.0.3_150.py" if kind == "other network" else "convtiny.0.3_150.py"
    arguments = ["predict", photos, "--out", tmp_path / "out", "--model", config, "--checkpoint", path]
    code, logged, ended = call(arguments, caplog, capsys)
    assert code == 2 and not logged and len(ended) == 1 and str(path) in ended[0]
    assert not (tmp_path / "out").exists()


def test_nothing_to_do(toy, tmp_path, caplog, capsys):
    (tmp_path / "empty").mkdir()
    for source in (tmp_path / "empty", tmp_path / "*.jpg", tmp_path / "nowhere"):
        code, _, ended = call(["predict", source, "--out", tmp_path / "out"], caplog, capsys)
        assert code == 2 and len(ended) == 1 and source.name in ended[0]


def test_a_file_in_the_way_of_the_output_folder(photos, toy, tmp_path, caplog, capsys):
    (tmp_path / "out").write_text("")
    code, _, ended = call(["predict", photos, "--out", tmp_path / "out"], caplog, capsys)
    assert code == 2 and "cannot write into" in ended[0]


@pytest.fixture
def tmpfs(tmp_path):
    """A disk of 96 KiB, which is full soon."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", folder], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk(photos, toy, tmpfs, tmp_path, caplog, capsys):
    for i in range(40):
        PIL.Image.fromarray(reference_image(36, 48, i)).save(photos / f"more_{i:02}.png")
    arguments = ["predict", photos, "--out", tmpfs / "out", "--focal-px", 60, "--save", "depth,pcd"]
    code, logged, ended = call(arguments, caplog, capsys)
    assert code == 2 and not logged
    assert "No space left on device; when that is solved, the same command goes on" in ended[0]
    assert not list((tmpfs / "out").rglob(".mono-*")), "temporary files stayed behind"
    for depth in (tmpfs / "out").glob("depth/*.png"):
        PIL.Image.open(depth).load()  # what is there is whole
    subprocess.run(["mount", "-o", "remount,size=64m", tmpfs], check=True)
    code, logged, _ = call(arguments, caplog, capsys)
    assert code == 0 and not logged
    assert len(list((tmpfs / "out").glob("pcd/*.ply"))) == 42


def test_a_read_only_output_folder(photos, toy, tmpfs, tmp_path, caplog, capsys):
    subprocess.run(["mount", "-o", "remount,ro", tmpfs], check=True)
    code, _, ended = call(["predict", photos, "--out", tmpfs], caplog, capsys)
    assert code == 2 and len(ended) == 1 and "cannot write into" in ended[0] and "ead-only" in ended[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bench", "--models", ""], "--models names nothing to measure"),
        (["bench", "--backends", ","], "--backends names nothing to measure"),
        (["bench", "--threads", "0"], "must be at least 1"),
        (["bench", "--threads", "99999"], "use at most 1024"),
        (["bench", "--sizes", "100000000x100000000"], "more than the 268 megapixels"),
        (["align", "FOLDER", "--out", "OUT", "--known", "1,1:2", "--extrinsics-inverse"], "--extrinsics is meant"),
        (["shards", "FOLDER/a.tar", "--out", "OUT", "--save", ""], "outputs names nothing"),
        (["shards", "x{0..300000}.tar", "--out", "OUT"], "more than 200000 shards"),
        (["shards", "x{2..1}{0..99999999999999999}.tar", "--out", "OUT"], "more than 200000 shards"),
        (["export", "onnx", "-o", "FOLDER.onnx"], "is a folder; give a file"),
        (["export", "onnx", "-o", "/proc/x.onnx"], "cannot be written"),
        (["export", "onnx", "--options", "data_basic.crop_size=(1000000,1000000)"], "1 to 16384 pixels each"),
        (["app", "--port", "99999999"], "ports go from 0 to 65535"),
        (["rescale", "x" * 5000, "--frames", "FOLDER", "--out", "OUT"], "File name too long"),
    ],
)  # fmt: skip
def test_impossible_requests_end_at_once(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.onnx").mkdir()
    places = {"FOLDER": str(tmp_path / "in"), "OUT": str(tmp_path / "out")}
    for name, place in places.items():
        arguments = [argument.replace(name, place) for argument in arguments]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error and "Errno" not in error and len(error) < 1000


def test_depth_of_impossible_size_is_not_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    PIL.Image.fromarray(np.full((48, 64, 3), 99, np.uint8)).save(tmp_path / "a.png")
    PIL.Image.fromarray(np.full((48, 64), 2000, np.uint16)).save(tmp_path / "d.png")
    entry = {"rgb": "a.png", "depth": "d.png", "depth_scale": 0.001, "cam_in": [60, 60, 31.5, 23.5]}
    (tmp_path / "a.json").write_text(json.dumps([entry]))
    assert main(["evaluate", str(tmp_path / "a.json"), "--out", str(tmp_path / "out"), "--no-report"]) == 1
    assert "its median depth is 2e+06 m with depth_scale 0.001" in capsys.readouterr().out
