"""`predict` of a video: its frames, the video of depth, and smoothed scales."""

import json
import os

import numpy as np
import PIL.Image
import pytest

from mono.cli.main import main
from mono.data.video import frame_times
from mono.io.depth import read_depth, write_depth
from mono.io.video import Video
from mono.slam.fusion.posed_depth import find_depth
from mono.visual.depth_video import write_video
from mono.visual.smoothing import find_smoothing

av = pytest.importorskip("av")


@pytest.fixture
def clip(tmp_path):
    """20 frames of noise in four greys, at 10 frames a second."""
    rng = np.random.default_rng(0)
    scene = rng.integers(60, 200, (12, 16, 1))
    pictures = [np.kron(np.clip(scene + 6 * (i % 3), 0, 255), np.ones((4, 4, 3))).astype(np.uint8) for i in range(20)]
    write_video(tmp_path / "clip.mp4", pictures, 10)
    return tmp_path / "clip.mp4"


def test_frames_share_one_camera_and_a_run_goes_on_where_it_was(clip, tmp_path, toy, capsys):
    out = tmp_path / "out"
    arguments = ["predict", str(clip), "--out", str(out), "--save", "depth", "--every", "4", "--start", "0.2"]
    assert main(arguments) == 0
    message = capsys.readouterr().out
    assert message.count("one camera: assumed") == 1 and "5 of 20 frames, 64x48, 0.20 to 1.80 s" in message
    names = [f"{i:06d}" for i in (2, 6, 10, 14, 18)]
    assert sorted(p.stem for p in (out / "depth" / "clip").glob("*.png")) == names
    records = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    assert len({tuple(r["intrinsics"]) for r in records}) == 1
    assert [r["input"] for r in records] == [f"{clip}:{name}" for name in names]
    before = {p: p.stat().st_mtime_ns for p in (out / "depth").rglob("*")}
    (out / "depth" / "clip" / "000010.png").unlink()
    assert main(arguments) == 0
    assert "1 image done, 4 done before" in capsys.readouterr().out
    changed = {p.name for p in before if p.stat().st_mtime_ns != before[p] and p.is_file()}
    assert changed <= {"000010.png", "000010.json"}


def test_a_camera_file_beside_the_video_counts(clip, tmp_path, toy, capsys):
    (tmp_path / "clip.camera.json").write_text('{"fx": 77}')
    assert main(["predict", str(clip), "--out", str(tmp_path / "out"), "--every", "10", "--save", "depth"]) == 0
    assert "one camera: camera file, fx 77.0 px" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "depth" / "clip" / "000000.json").read_text())["camera"]["fx"] == 77


def test_the_video_of_depth_has_all_frames_side_by_side(clip, tmp_path, toy, capsys):
    out = tmp_path / "out"
    assert main(["predict", str(clip), "--out", str(out), "--save", "depth,video", "--every", "2"]) == 0
    made = Video(out / "video" / "clip.mp4")
    assert len(made) == 10
    assert made.rate == pytest.approx(5, rel=0.01)
    assert made.width > 2 * 64 and made.height >= 48
    assert "colors from" in capsys.readouterr().out
    assert not list(out.rglob(".mono-*"))


def test_smoothing_takes_the_flicker_out_and_says_so(clip, tmp_path, toy, capsys):
    out = tmp_path / "out"
    assert main(["predict", str(clip), "--out", str(out), "--save", "depth", "--smooth-scale", "4"]) == 0
    message = capsys.readouterr().out
    assert "scale smoothed over 4 frames: median change" in message and "0 cuts" in message
    report = json.loads((out / "depth_smooth" / "clip" / "smoothing.json").read_text())
    assert report["flicker_after"] < 0.5 * report["flicker_before"]
    assert len(report["factors"]) == 20 and report["largest_change"] > 0.005
    for i in (0, 7, 19):
        raw, smooth = (read_depth(out / d / "clip" / f"{i:06d}.png") for d in ("depth", "depth_smooth"))
        np.testing.assert_allclose(smooth, raw * report["factors"][str(i)], atol=0.004)
    # Depth itself stays as it was, so doing it again changes nothing.
    assert main(["predict", str(clip), "--out", str(out), "--save", "depth", "--smooth-scale", "4"]) == 0
    assert json.loads((out / "depth_smooth" / "clip" / "smoothing.json").read_text()) == report


def test_smoothed_depth_is_fused_while_it_belongs_to_the_depth(clip, tmp_path, toy, caplog):
    out = tmp_path / "out"
    arguments = ["predict", str(clip), "--out", str(out), "--save", "depth", "--every", "5"]
    assert main([*arguments, "--smooth-scale"]) == 0
    frames = find_depth(out)
    assert [f.depth_file.relative_to(out).parts[0] for f in frames] == ["depth_smooth"] * 4
    assert [f.sample.index for f in frames] == [0, 5, 10, 15]
    np.testing.assert_allclose(frame_times([f.sample for f in frames]), [0, 0.5, 1, 1.5], atol=2e-3)
    assert frames[1].sample.read().rgb.shape == (48, 64, 3)
    raw = out / "depth" / "clip" / "000005.png"
    os.utime(raw, (raw.stat().st_atime, raw.stat().st_mtime + 100))
    assert all(f.depth_file.relative_to(out).parts[0] == "depth" for f in find_depth(out))
    assert "is incomplete, or older than depth" in caplog.text


def test_what_does_not_fit_is_refused(clip, tmp_path, toy, capsys):
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"")
    assert main(["predict", str(clip), str(photo), "--out", str(tmp_path / "out")]) == 2
    assert "in runs of their own" in capsys.readouterr().err
    for more, why in ((["--save", "video"], "save these too"),
                      (["--every", "0"], "every is 0"), (["--start", "9"], "no frame lies between"),
                      (["--smooth-scale", "-1"], "smoothing of -1")):  # fmt: skip
        assert main(["predict", str(clip), "--out", str(tmp_path / "out"), *more]) == 2
        assert why in capsys.readouterr().err
    assert main(["predict", str(photo), "--save", "depth,video", "--out", str(tmp_path / "out")]) == 2
    assert "none is given" in capsys.readouterr().err


def _maps(folder, logs, base):
    paths = [folder / f"{i:03d}.npy" for i in range(len(logs))]
    for path, log in zip(paths, logs, strict=True):
        write_depth(path, base * np.float32(np.exp(log)))
    return paths


def test_slow_changes_pass_and_fast_ones_do_not(tmp_path):
    base = np.random.default_rng(1).uniform(2, 6, (40, 50)).astype(np.float32)
    steady = np.linspace(0, -0.8, 40)  # a camera that walks towards what it sees
    noise = np.random.default_rng(2).normal(0, 0.03, 40)
    found = find_smoothing(_maps(tmp_path, steady + noise, base), 5)
    after = np.log(found.factors) + steady + noise
    assert np.std(after - steady) < 0.5 * np.std(noise)
    assert np.polyfit(np.arange(40), after, 1)[0] == pytest.approx(-0.8 / 39, rel=0.1)
    assert found.flicker[1] < 0.3 * found.flicker[0]
    assert found.flicker[0] == pytest.approx(0.03, rel=0.3)
    assert np.log(found.factors).mean() == pytest.approx(0, abs=1e-9)  # the whole keeps its scale


def test_nothing_is_smoothed_across_a_cut(tmp_path):
    one, other = (np.random.default_rng(i).uniform(1, 9, (40, 50)).astype(np.float32) for i in (1, 2))
    paths = _maps(tmp_path / "a", np.zeros(12), one) + _maps(tmp_path / "b", np.zeros(8), other)
    found = find_smoothing(paths, 5)
    assert found.cuts == (12,)
    np.testing.assert_allclose(found.factors, 1, atol=1e-6)


def test_one_damaged_video_stops_no_other(clip, tmp_path, toy, capsys):
    data = clip.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 3])
    write_video(tmp_path / "other.mp4", [np.full((48, 64, 3), 90, np.uint8)] * 6, 10)
    out = tmp_path / "out"
    videos = [str(clip), str(tmp_path / "cut.mp4"), str(tmp_path / "other.mp4")]
    assert main(["predict", *videos, "--out", str(out), "--save", "depth,video", "--every", "5"]) == 1
    message = capsys.readouterr().out
    assert "FAILED" in message and "cut.mp4" in message.partition("FAILED")[2]
    assert sorted(p.parent.name for p in out.glob("depth/*/*.png")) == ["clip"] * 4 + ["other"] * 2
    assert sorted(p.name for p in out.glob("video/*")) == ["clip.mp4", "other.mp4"]


def test_another_smoothing_replaces_nothing_unasked(clip, tmp_path, toy, capsys):
    out = tmp_path / "out"
    arguments = ["predict", str(clip), "--out", str(out), "--save", "depth", "--every", "4"]
    assert main([*arguments, "--smooth-scale", "4"]) == 0
    folder = out / "depth_smooth" / "clip"
    (folder / "notes.txt").write_text("mine")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert main([*arguments, "--smooth-scale", "2"]) == 2
    assert "smoothed over 4.0 frames" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert main([*arguments, "--smooth-scale", "2", "--overwrite"]) == 0
    assert json.loads((folder / "smoothing.json").read_text())["width_frames"] == 2
    assert (folder / "notes.txt").read_text() == "mine"


def test_smoothing_follows_no_link_out_of_the_folder(clip, tmp_path, toy, capsys):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    (elsewhere / "clip").mkdir(parents=True)
    (elsewhere / "clip" / "000000.png").write_text("keep me")
    arguments = ["predict", str(clip), "--out", str(out), "--save", "depth", "--every", "4"]
    assert main(arguments) == 0
    (out / "depth_smooth").symlink_to(elsewhere)
    assert main([*arguments, "--smooth-scale", "4"]) == 2
    assert "leads out of" in capsys.readouterr().err
    assert (elsewhere / "clip" / "000000.png").read_text() == "keep me"


def test_an_image_beside_a_video_is_named(clip, tmp_path, capsys):
    PIL.Image.new("RGB", (64, 48)).save(tmp_path / "a.gif")
    assert main(["predict", str(clip), str(tmp_path / "a.gif"), "--out", str(tmp_path / "out")]) == 2
    assert f"videos are given, and {tmp_path / 'a.gif'}, which is none" in capsys.readouterr().err
