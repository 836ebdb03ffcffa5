"""Videos whose containers tell less, or more, than the frames to show: order, edit lists, joined clocks, turns."""

import logging
import struct
from fractions import Fraction

import numpy as np
import pytest

from mono.io.video import Video, VideoError, is_video
from mono.io.video_container import is_cut_short
from mono.io.video_listing import _clock_jump, _timed_frames

av = pytest.importorskip("av")
if "libx264" not in av.codecs_available:
    pytest.skip("libx264 is not in this build of PyAV", allow_module_level=True)

_COUNT = 24


def write_video(path, codec="libx264", settings="bframes=3:b-adapt=0:keyint=12", shift=0.0):
    """A video whose frame i is a gray of 8 + 10 i, with a white patch at the top left and a texture at the bottom."""
    noise = np.random.default_rng(0).integers(0, 255, (16, 64, 3), np.uint8)
    with av.open(str(path), "w", options={"output_ts_offset": str(shift)}) as container:
        stream = container.add_stream(codec, rate=10, options={"x264-params": settings} if codec == "libx264" else {})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(_COUNT):
            image = np.full((48, 64, 3), 8 + 10 * i, np.uint8)
            image[:8, :8], image[32:] = 255, np.roll(noise, i, 1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())
    return path


def number(rgb):
    """The number that a frame says."""
    return round((float(np.median(rgb[10:30, 20:60])) - 8) / 10)


def no_warnings(caplog):
    return not [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("suffix", [".avi", ".asf"])
@pytest.mark.parametrize("settings", ["bframes=3:b-adapt=0:keyint=12", "bframes=1:b-adapt=0", "bframes=0"])
def test_frames_of_containers_without_display_times_come_in_order(tmp_path, suffix, settings, caplog):
    video = Video(write_video(tmp_path / f"clip{suffix}", settings=settings))
    np.testing.assert_allclose(video.times, np.arange(_COUNT) / 10, atol=2e-3)
    for order in (range(_COUNT), range(_COUNT)[::-1], np.random.default_rng(1).permutation(_COUNT)):
        assert [number(video.frame(i)) for i in order] == list(order)
    assert no_warnings(caplog)


@pytest.mark.parametrize("step", [5, 1])
def test_frames_that_an_avi_repeats_are_not_missing(tmp_path, step, caplog):
    path = tmp_path / "clip.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(_COUNT):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 8 + 10 * i, np.uint8), "rgb24")
            frame.pts, frame.time_base = i * step, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    whole = bytearray(path.read_bytes())
    struct.pack_into("<I", whole, whole.index(b"strh") + 40, step * _COUNT + 40)  # the last frame is repeated
    path.write_bytes(whole)
    assert len(Video(path)) == _COUNT and not is_cut_short(path) and no_warnings(caplog)
    path.write_bytes(whole[: len(whole) * 2 // 3])
    assert is_cut_short(path) and 0 < len(Video(path)) < _COUNT and "it is cut short" in caplog.text


def refused_frames(whole, damaged):
    """Numbers of the frames that are refused where the second half of packet `damaged` is noise."""
    with av.open(str(whole)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    data, target = whole.read_bytes(), packets[damaged]
    start = data.index(target) + len(target) // 2
    noise = np.random.default_rng(damaged).bytes(len(target) - len(target) // 2)
    path = whole.with_name(f"damaged{whole.suffix}")
    path.write_bytes(data[:start] + noise + data[start + len(noise) :])
    video, refused = Video(path), []
    for i in range(len(video)):
        try:
            video.frame(i)
        except VideoError as error:
            assert f"frame {i} (" in str(error)
            refused.append(i)
    return refused


def test_damage_in_avi_is_noticed_as_in_mp4(tmp_path):
    avi, mp4 = (write_video(tmp_path / f"whole{suffix}") for suffix in (".avi", ".mp4"))
    places = range(3, _COUNT, 3)  # the first packet has other bytes
    found = [refused_frames(avi, damaged) for damaged in places]
    assert found == [refused_frames(mp4, damaged) for damaged in places]
    assert any(found)


def test_a_lost_frame_makes_the_numbers_of_its_group_uncertain():
    frames = _timed_frames([1, 2, 3, 4, 5, 6, 7, 8], [1, 5], [1, 4, 2, 5, 8, 7, 6], seekable=False)  # without 3
    assert [frames.stamps.index(key) for key in (1, 5)] == [0, 4] and frames.stamps[4:] == [5, 8, 7, 6]
    harms = {}
    frames.order.harm(frames.places[3], harms)
    assert [stamp for stamp in range(1, 9) if frames.order.is_harmed(frames.places[stamp], harms)] == [2, 3, 4]


def test_what_edit_lists_leave_out_is_not_missing(tmp_path, caplog):
    data = bytearray(write_video(tmp_path / "whole.mp4").read_bytes())
    place = data.index(b"elst") + 12  # duration [ms], first time [media units]
    duration, first = struct.unpack(">Ii", data[place : place + 8])
    with av.open(str(tmp_path / "whole.mp4")) as container:
        step = round(1 / (10 * container.streams.video[0].time_base))
    for cut_ms, skipped, expected in ((0, 7, range(7, 24)), (800, 0, range(16)), (1000, 7, range(7, 21))):
        data[place : place + 8] = struct.pack(">Ii", duration - cut_ms, first + skipped * step)
        (tmp_path / "trimmed.mp4").write_bytes(data)
        video = Video(tmp_path / "trimmed.mp4")
        assert [number(video.frame(i)) for i in range(len(video))] == list(expected)
    assert no_warnings(caplog)


@pytest.mark.parametrize(("shift", "first"), [(0.5173, 24), (0.013, 24), (0.0, 24), (2.33, 24)])
def test_joined_recordings_keep_their_order(tmp_path, shift, first, caplog):
    parts = [write_video(tmp_path / f"{k}.ts", shift=k * shift).read_bytes() for k in (0, 1)]
    (tmp_path / "joined.ts").write_bytes(b"".join(parts))
    video = Video(tmp_path / "joined.ts")
    assert f"joined.ts: its clock goes back at frame {first}, as in joined recordings" in caplog.text
    assert [number(video.frame(i)) for i in range(len(video))] == [*range(_COUNT), *range(_COUNT)]
    np.testing.assert_allclose(video.times, np.arange(2 * _COUNT) / 10)


def test_a_single_wrong_time_is_no_joint():
    clock = list(range(0, 200, 10))
    assert _clock_jump(clock) is None and _clock_jump([]) is None
    assert _clock_jump([*clock[:9], 5000, *clock[10:]]) is None and _clock_jump([*clock[:9], 0, *clock[10:]]) is None
    assert [_clock_jump([*clock, *(t + start for t in clock)]) for start in (0, 77, 183, 200)] == [20, 20, 20, None]


_TURNS = [
    ((1, 0, 0, 1), lambda a: a),
    ((0, 1, -1, 0), lambda a: np.rot90(a, -1)),
    ((-1, 0, 0, -1), lambda a: np.rot90(a, 2)),
    ((0, -1, 1, 0), lambda a: np.rot90(a)),
    ((-1, 0, 0, 1), lambda a: a[:, ::-1]),
    ((1, 0, 0, -1), lambda a: a[::-1]),
    ((0, 1, 1, 0), lambda a: a.swapaxes(0, 1)),
    ((0, -1, -1, 0), lambda a: np.rot90(a, 2).swapaxes(0, 1)),
]


@pytest.mark.parametrize(("matrix", "turn"), _TURNS)
def test_videos_stand_as_players_show_them(tmp_path, matrix, turn):
    path = write_video(tmp_path / "clip.mp4")
    stored = Video(path).frame(2)
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 44
    a, b, c, d = (value << 16 for value in matrix)
    data[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    video = Video(path)
    np.testing.assert_array_equal(video.frame(2), turn(stored))
    assert video.frame(2).shape == (video.height, video.width, 3)


def test_suffixes_of_what_can_be_read(tmp_path, caplog):
    for suffix in ("3g2", "asf", "dv", "f4v", "h264", "hevc", "m2v", "mxf", "nut", "ogv", "qt", "vob", "y4m", "MTS"):
        assert is_video(f"a.{suffix}")
    for suffix in ("jpg", "gif", "webp", "tiff", "npy", "json"):
        assert not is_video(f"a.{suffix}")
    for codec, name in (("wrapped_avframe", "a.y4m"), ("mpeg2video", "a.vob"), ("mpeg4", "a.3g2"), ("mpeg4", "a.nut")):
        if codec == "wrapped_avframe":
            head = b"YUV4MPEG2 W64 H48 F10:1 Ip A1:1 C420jpeg\n"
            (tmp_path / name).write_bytes(head + 5 * (b"FRAME\n" + bytes(64 * 48 * 3 // 2)))
        else:
            write_video(tmp_path / name, codec)
        assert not is_cut_short(tmp_path / name)
        assert len(Video(tmp_path / name)) == (5 if name == "a.y4m" else _COUNT)
    assert no_warnings(caplog)
