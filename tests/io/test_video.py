"""Videos that are made here: every frame says its number by its brightness."""

import struct
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from mono.data.camera_source import CameraResolver
from mono.data.video import VideoSample, find_frames
from mono.geometry.camera import Camera
from mono.io.video import Video, VideoError, is_video
from mono.io.video_container import read_video_exif

av = pytest.importorskip("av")

_SIZE = (64, 48)


def write_video(path, count=20, rate=10, codec="mpeg4", rotation=0, size=_SIZE, metadata=None, gop=6):
    """A video whose frame i is a gray of 8 + 10 i, with a white patch at the top left."""
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"} if metadata else {}) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = gop
        stream.bit_rate = 2_000_000
        if rotation:
            stream.set_display_rotation(rotation)
        for i in range(count):
            image = np.full((size[1], size[0], 3), 8 + 10 * i, np.uint8)
            image[:8, :8] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())
    return path


def number(rgb):
    """The number that a frame says."""
    return round((float(np.median(rgb)) - 8) / 10)


_KINDS = (("mpeg4", ".mp4"), ("mpeg4", ".avi"), ("libx264", ".mp4"), ("libx264", ".mkv"), ("libx264", ".ts"),
          ("libvpx-vp9", ".webm"))  # fmt: skip


@pytest.mark.parametrize(("codec", "suffix"), _KINDS)
def test_frames_come_in_order_at_random_and_backwards(tmp_path, codec, suffix):
    if codec not in av.codecs_available:
        pytest.skip(f"{codec} is not in this build of PyAV")
    video = Video(write_video(tmp_path / f"clip{suffix}", codec=codec))
    assert len(video) == 20
    np.testing.assert_allclose(video.times, np.arange(20) / 10, atol=2e-3)
    assert video.rate == pytest.approx(10, rel=0.01)
    for order in (range(20), reversed(range(20)), (0, 19, 1, 13, 13, 12, 5, 7)):
        for i in order:
            frame = video.frame(i)
            assert frame.shape == (48, 64, 3) and frame.dtype == np.uint8 and frame.flags.c_contiguous
            assert number(frame) == i
    video.close()


def test_a_stream_without_time_stamps_is_counted(tmp_path):
    if "libx264" not in av.codecs_available:
        pytest.skip("libx264 is not in this build of PyAV")
    path = write_video(tmp_path / "clip.h264", codec="libx264")
    video = Video(path.rename(tmp_path / "clip.ts"))  # its content tells what it is
    assert [number(video.frame(i)) for i in (3, 9, 2)] == [3, 9, 2]
    assert len(video) == 20


def test_turned_videos_stand_upright(tmp_path):
    for rotation, corner in ((90, (-1, 0)), (-90, (0, -1)), (180, (-1, -1))):
        video = Video(write_video(tmp_path / f"{rotation}.mp4", rotation=rotation))
        frame = video.frame(2)
        turned = rotation != 180
        assert (video.width, video.height) == ((48, 64) if turned else (64, 48))
        assert frame.shape[:2] == (video.height, video.width)
        row, column = (4 if c == 0 else -4 for c in corner)
        assert frame[row, column].min() > 200  # the white patch, turned counter-clockwise with the frame
        assert number(frame) == 2


def test_frames_are_selected_by_time_and_step(tmp_path):
    path = write_video(tmp_path / "clip.mp4")
    samples = find_frames([path], every=4, start=0.3, end=1.5)
    assert [s.index for s in samples] == [3, 7, 11, 15]
    assert [s.name for s in samples] == [f"clip/{i:06d}" for i in (3, 7, 11, 15)]
    assert [round(s.seconds, 3) for s in samples] == [0.3, 0.7, 1.1, 1.5]
    assert [number(s.read().rgb) for s in samples] == [3, 7, 11, 15]
    for wrong, why in (({"every": 0}, "every is 0"), ({"start": -1}, "start is -1"), ({"start": 2, "end": 1}, "before"),
                       ({"start": 5}, "no frame lies between 5 s and 1.9 s; the video has 20 frames")):  # fmt: skip
        with pytest.raises(VideoError, match=why):
            find_frames([path], **wrong)


def test_videos_of_one_name_are_told_apart(tmp_path):
    paths = [write_video(tmp_path / name, count=2) for name in ("clip.mp4", "clip.avi")]
    assert [s.name for s in find_frames(paths)] == [
        "clip_mp4/000000", "clip_mp4/000001", "clip_avi/000000", "clip_avi/000001",
    ]  # fmt: skip


def test_a_phone_tells_its_focal_length(tmp_path):
    tag = {"com.apple.quicktime.camera.focal_length.35mm_equivalent": "26"}
    samples = find_frames([write_video(tmp_path / "phone.mov", metadata=tag)])
    assert samples[0].read().exif.focal_35mm == 26
    assert find_frames([write_video(tmp_path / "other.mov")])[0].read().exif is None


def test_broken_videos_say_what_is_wrong(tmp_path, caplog):
    whole = write_video(tmp_path / "whole.avi").read_bytes()
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("hello" * 100)
    mp4 = write_video(tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(mp4[: len(mp4) // 2])  # its table of frames is at the end
    for name, why in (("gone.mp4", "no such file"), ("empty.mp4", "0 bytes"), ("text.mp4", "is not a video"),
                      ("cut.mp4", "cut short")):  # fmt: skip
        with pytest.raises(VideoError, match=why) as caught:
            Video(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        sound = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
    with pytest.raises(VideoError, match="only sound"):
        Video(tmp_path / "sound.mp4")
    (tmp_path / "half.avi").write_bytes(whole[: int(len(whole) * 0.9)])
    half = Video(tmp_path / "half.avi")
    assert 0 < len(half) < 20
    assert "cut short" in caplog.text
    assert number(half.frame(3)) == 3
    assert is_video("A.MOV") and not is_video("a.jpg")


def test_an_mp4_whose_index_is_cut_is_cut_short(tmp_path):
    whole = write_video(tmp_path / "whole.mp4").read_bytes()
    index = whole.find(b"moov") - 4
    for kept in (index, index + 20, index + 300):
        (tmp_path / "cut.mp4").write_bytes(whole[:kept])
        with pytest.raises(VideoError, match="cut short"):
            Video(tmp_path / "cut.mp4")


def test_damaged_videos_raise_only_their_own_error(tmp_path):
    rng = np.random.default_rng(0)
    for suffix in (".mp4", ".avi", ".mkv"):
        whole = write_video(tmp_path / f"whole{suffix}", count=5).read_bytes()
        for number_ in range(25):
            data = bytearray(whole)
            for place in rng.integers(0, len(data), 8):
                data[place] = rng.integers(256)
            path = tmp_path / f"{number_}{suffix}"
            path.write_bytes(data)
            try:
                video = Video(path)
                for i in range(len(video)):
                    video.frame(i)
                video.close()
            except VideoError as error:
                assert str(error).startswith(f"{path}: ")


def test_threads_that_share_a_video_get_their_frames(tmp_path):
    samples = find_frames([write_video(tmp_path / "clip.mp4")])
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            assert [number(photo.rgb) for photo in pool.map(VideoSample.read, samples)] == list(range(20))


def test_a_video_cut_inside_its_index_says_so(tmp_path):
    whole = write_video(tmp_path / "whole.mp4", codec="libx264").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: whole.index(b"stsd") - 60])
    with pytest.raises(VideoError, match="is cut short or damaged"):
        Video(tmp_path / "cut.mp4")


@pytest.mark.parametrize(
    ("kind", "stereo", "expected"),
    [(0, None, "equirectangular"), (0, 2, "stereo equirectangular"), (1, 0, "cubemap"), (9, None, "unknown")],
)
def test_projections_of_spherical_videos_are_read(kind, stereo, expected):
    data = {"SPHERICAL": struct.pack("=9i", kind, *[0] * 8)}
    data |= {} if stereo is None else {"STEREO3D": struct.pack("=4i", stereo, 0, 0, 0)}
    assert read_video_exif([], SimpleNamespace(side_data=data)).projection == expected
    data["SPHERICAL"] = struct.pack("=9i", 4, *[0] * 8)
    assert read_video_exif([], SimpleNamespace(side_data=data)) is None


def test_a_spherical_video_is_a_panorama(tmp_path):
    data = bytearray(write_video(tmp_path / "a.mp4", size=(128, 64)).read_bytes())
    xml = (
        b'<rdf:SphericalVideo xmlns:GSpherical="http://ns.google.com/videos/1.0/spherical/">'
        b"<GSpherical:Spherical>true</GSpherical:Spherical><GSpherical:Stitched>true</GSpherical:Stitched>"
        b"<GSpherical:StitchingSoftware>x</GSpherical:StitchingSoftware><GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType></rdf:SphericalVideo>"
    )
    box = b"uuid" + bytes.fromhex("ffcc8263f8554a938814587a02521fdd") + xml
    box = struct.pack(">I", len(box) + 4) + box
    track = data.index(b"trak") - 4
    end = track + int.from_bytes(data[track : track + 4], "big")
    for place in (track, data.index(b"moov") - 4):
        data[place : place + 4] = struct.pack(">I", int.from_bytes(data[place : place + 4], "big") + len(box))
    (tmp_path / "b.mp4").write_bytes(data[:end] + box + data[end:])
    photo = find_frames([tmp_path / "b.mp4"])[0].read()
    camera = CameraResolver().resolve(128, 64, exif=photo.exif).camera
    assert camera == Camera.panorama(128, 64)
