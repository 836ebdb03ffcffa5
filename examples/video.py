"""Follow the depth of a video, and write it frame by frame.

python examples/video.py [video] [output folder]
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import metricdepth
from mono.io.video import Video
from mono.visual.color_maps import colorize, write_image
from mono.visual.depth_video import write_video

out = Path(sys.argv[2] if len(sys.argv) > 2 else "outputs/video")


def pan_over_a_photo(file: Path) -> Path:
    """Write a video of a window that moves over a demo photo, as a stand-in for yours."""
    photo = np.asarray(Image.open(Path(__file__).parents[1] / "data/wild_demo/leuven.jpg").convert("RGB"))
    write_video(file, (photo[40:520, 12 * i : 12 * i + 640] for i in range(9)), 10)
    return file


video = Video(sys.argv[1] if len(sys.argv) > 1 else pan_over_a_photo(out / "pan.mp4"))
model = metricdepth.load_model("lite")
camera = metricdepth.Camera.from_fov(60, video.width, video.height)  # one camera for all frames: give your own
for index in video.select(every=3):
    prediction = model.predict(video.frame(index), camera=camera)
    write_image(out / f"{index:06}.jpg", colorize(prediction.depth, near=2, far=60))
    print(f"{video.times[index]:.2f} s: median {np.median(prediction.depth[prediction.mask]):.2f} m")
video.close()
