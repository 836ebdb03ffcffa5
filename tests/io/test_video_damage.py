"""Damaged videos: what cannot be trusted is refused, and all else is as in the whole video."""

import logging

import numpy as np
import pytest

from mono.io.video import Video, VideoError
from mono.io.video_container import is_cut_short
from mono.io.video_damage import FrameOrder

av = pytest.importorskip("av")

_COUNT = 24
_OPEN = {"x264-params": "open-gop=1:bframes=3:b-adapt=0"}
_KINDS = [
    ("libx264", ".mp4", {}, (64, 48)),
    ("libx264", ".mkv", _OPEN, (64, 48)),
    ("libx264", ".ts", {"x264-params": "bframes=0:cabac=0"}, (66, 50)),
    ("mpeg4", ".mp4", {}, (65, 49)),
    ("mpeg2video", ".mpg", {}, (64, 48)),
    ("mjpeg", ".mkv", {}, (65, 49)),
    ("libx265", ".mp4", {"preset": "ultrafast", "x265-params": "log-level=0"}, (64, 64)),
    ("libvpx-vp9", ".webm", {"deadline": "realtime", "cpu-used": "8"}, (65, 49)),
]


_DAMAGED = [
    (".mp4", {}),
    (".mkv", {"x264-params": "bframes=0"}),
    (".mkv", {"x264-params": "bframes=0:cabac=0"}),
    (".mkv", _OPEN),
]


def write_video(path, codec="libx264", options=None, size=(64, 48)):
    """A video of a texture that moves by two pixels a frame, with a key frame every eight frames."""
    if codec not in av.codecs_available:
        pytest.skip(f"{codec} is not in this build of PyAV")
    texture = np.random.default_rng(0).integers(40, 215, (size[1] // 4 + 1, size[0] // 4 + 1, 3), np.uint8)
    image = texture.repeat(4, 0).repeat(4, 1)[: size[1], : size[0]]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size = 8
        stream.bit_rate = 2_000_000
        for i in range(_COUNT):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.roll(image, 2 * i, 1)), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def packets(path):
    """Bytes of the packets, in the order of the file, and the number of the frame in each."""
    with av.open(str(path)) as container:
        found = [(bytes(packet), packet.pts) for packet in container.demux(video=0) if packet.size]
    stamps = sorted(stamp for _, stamp in found)
    return [(data, stamps.index(stamp)) for data, stamp in found]


def damage(path, target, frame):
    """Replace the second half of a frame's packet by noise."""
    data, place = path.read_bytes(), next(data for data, number in packets(path) if number == frame)
    start = data.index(place) + len(place) // 2
    noise = np.random.default_rng(1).bytes(len(place) - len(place) // 2)
    target.write_bytes(data[:start] + noise + data[start + len(noise) :])
    return target


def frames(path, order):
    """Frames by number, None where they are refused."""
    video, found = Video(path), {}
    for i in order:
        try:
            found[i] = video.frame(i)
        except VideoError as error:
            assert f"frame {i} (" in str(error) and "is damaged, or is predicted from a damaged frame" in str(error)
            found[i] = None
    video.close()
    return found


def orders(count):
    """In order, backwards, at random, and from the middle as a resumed run."""
    return [range(count), range(count)[::-1], np.random.default_rng(2).permutation(count).tolist(),
            range(count // 2, count)]  # fmt: skip


@pytest.mark.parametrize(("codec", "suffix", "options", "size"), _KINDS)
def test_whole_videos_are_not_accused(tmp_path, codec, suffix, options, size, caplog):
    path = write_video(tmp_path / f"clip{suffix}", codec, options, size)
    whole = frames(path, range(_COUNT))
    assert all(frame is not None for frame in whole.values())
    for order in orders(_COUNT):
        for i, frame in frames(path, order).items():
            np.testing.assert_array_equal(frame, whole[i])
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(("suffix", "options"), _DAMAGED)
@pytest.mark.parametrize("damaged", [0, 8, 10, 13])
def test_frames_that_are_predicted_from_a_damaged_one_are_refused(tmp_path, suffix, options, damaged):
    whole = write_video(tmp_path / f"whole{suffix}", "libx264", options)
    expected = frames(whole, range(_COUNT))
    path = damage(whole, tmp_path / f"damaged{suffix}", damaged)
    for order in orders(_COUNT):
        found = frames(path, order)
        for i, frame in found.items():
            if frame is not None:
                np.testing.assert_array_equal(frame, expected[i])
        refused = {i for i, frame in found.items() if frame is None}
        assert damaged in refused or damaged not in found
        if options.get("x264-params", "").startswith("bframes=0"):
            assert refused == set(range(damaged, damaged // 8 * 8 + 8)) & set(order)
        assert len(refused) <= 16


def test_a_damaged_picture_of_motion_jpeg_is_refused_alone(tmp_path):
    whole = write_video(tmp_path / "whole.mkv", "mjpeg")
    found = frames(damage(whole, tmp_path / "damaged.mkv", 5), range(_COUNT))
    assert [i for i, frame in found.items() if frame is None] == [5]


def test_what_frames_are_predicted_from():
    # Groups 0..3, 6 with 4 and 5 leading, 8 and 7.
    order = FrameOrder([0, 3, 1, 2, 6, 4, 5, 8, 7], [0, 6])
    assert order.awaited == [0, 3, 3, 3, 6, 6, 6, 8, 8]
    for damaged, expected in ((0, [0, 1, 2, 3, 4, 5]), (1, [1, 2, 4, 5]), (3, [1, 2, 3, 4, 5]), (4, [4, 5]), (5, [5]),
                              (6, [4, 5, 6, 7, 8]), (8, [7, 8]), (7, [7])):  # fmt: skip
        harms = {}
        order.harm(damaged, harms)
        assert [i for i in range(9) if order.is_harmed(i, harms)] == expected


def test_a_matroska_file_that_is_cut_short_is_warned_of(tmp_path, caplog):
    whole = write_video(tmp_path / "whole.mkv")
    data = whole.read_bytes()
    assert not is_cut_short(whole)
    for share in (0.5, 0.99):
        cut = tmp_path / f"{share}.mkv"
        cut.write_bytes(data[: int(share * len(data))])
        assert is_cut_short(cut)
        caplog.clear()
        video = Video(cut)
        assert "is cut short: its file ends at" in caplog.text and "of the 2.40 s that it announces" in caplog.text
        assert 0 < len(video) <= _COUNT
    caplog.clear()
    place = data.index(b"\x18\x53\x80\x67") + 4
    live = tmp_path / "live.mkv"  # recorded without a known size
    live.write_bytes(data[:place] + b"\x01" + 7 * b"\xff" + data[place + 8 :])
    (tmp_path / "longer.mkv").write_bytes(data + bytes(1000))
    for path in (live, tmp_path / "longer.mkv"):
        assert not is_cut_short(path) and len(Video(path)) == _COUNT
    for length in range(60):
        (tmp_path / "begin.mkv").write_bytes(data[:length])
        assert is_cut_short(tmp_path / "begin.mkv") in (True, False)
    assert "cut short" not in caplog.text
