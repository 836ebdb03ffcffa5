"""Videos as samples: one that is damaged does not stop the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mono.data.video import find_frames, find_readable_frames
from mono.io.video import VideoError

av = pytest.importorskip("av")


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Two videos of ten frames, and one without its index."""
    for name in ("a", "b"):
        with av.open(str(tmp_path / f"{name}.mp4"), "w") as container:
            stream = container.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for i in range(10):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * i, np.uint8), "rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    data = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: data.find(b"moov") - 4])
    return tmp_path


def test_a_damaged_video_fails_alone(clips: Path) -> None:
    inputs = [clips / "a.mp4", clips / "cut.mp4", clips / "gone.mp4", clips / "b.mp4"]
    frames, damaged = find_readable_frames(inputs, every=5)
    assert [frame.name for frame in frames] == ["a/000000", "a/000005", "b/000000", "b/000005"]
    assert [sample.name for sample in damaged] == ["cut", "gone"]
    for sample in damaged:
        with pytest.raises(VideoError, match=sample.name):
            sample.read()
    with pytest.raises(VideoError, match=r"cut\.mp4"):
        find_frames(inputs)
