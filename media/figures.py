"""Figures drawn from predictions: the street, the edge filter, focal lengths, a panorama and the sheets of depth."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

import mono
from benchmarks.contact_sheet import draw_sheet
from media.drawing import Mesh, View, fit, from_above, measured, side_by_side, write
from mono.geometry.camera import Camera
from mono.geometry.pixel_mask import select_pixels
from mono.inference.prediction import Prediction
from mono.io.images import read_image
from mono.io.mesh import depth_mesh
from mono.io.point_cloud import point_cloud
from mono.visual.color_maps import colorize, depth_limits, visualize_depth, write_image

GUIDED_PARTS = [  # photo, and where the part that is shown begins, as a share of its width and height
    ("room", 0.3, 0.22), ("leuven", 0.3, 0.22), ("china", 0.1, 0.1), ("mountain_path", 0.0, 0.05),
    ("stream", 0.55, 0.4),
]  # fmt: skip
MEDIA = Path(__file__).parent
DEMO = MEDIA.parent / "data"
STREET = DEMO / "wild_demo/leuven.jpg"
LINE = ((150, 430), (560, 420))  # two of its pixels, at the feet of two houses
PLACES = ((60, 300), (420, 300), (640, 250), (655, 505), (330, 505))  # pixels whose depth is written
REAL = ("kitti_demo", "kitti_object", "nyu_demo", "ibims1", "sun3d_demon", "tum_demon", "middlebury_motorcycle",
        "shelf_bin")  # fmt: skip


class Street:
    """Photo of a street with its prediction and mesh."""

    def __init__(self) -> None:
        """Predict the depth of the photo."""
        self.rgb = read_image(STREET).rgb
        self.prediction = mono.load_model("lite", device="cpu").predict(STREET)
        self.mesh = mesh_of(self.rgb, self.prediction, farthest=45)
        points = self.prediction.points()
        self.ends = np.array([points[v, u] for u, v in LINE])
        self.length = f"{np.linalg.norm(self.ends[1] - self.ends[0]):.1f} m"

    def depth(self, size: int) -> np.ndarray:
        """Draw the depth with metres at some places."""
        image = colorize(self.prediction.depth, *depth_limits(self.prediction.depth))
        for u, v in PLACES:
            image = write(image, (u, v), f"{self.prediction.depth[v, u]:.1f} m", size)
        return image

    def view(self, size: tuple[int, int], **angles: float) -> View:
        """Return a view of the mesh; without angles it is the photo's."""
        pivot = np.array([0.0, 0.0, 14.0])
        focal = self.prediction.camera.focal * size[0] / self.rgb.shape[1]
        return View(focal, size, pivot, angles.pop("distance", 14.0), **angles)

    def seen(self, view: View, size: int, text: bool = True) -> np.ndarray:
        """Draw the mesh and the measured line."""
        return measured(self.mesh.draw(view), view.project(self.ends), self.length if text else "", size)


def mesh_of(rgb: np.ndarray, prediction: Prediction, farthest: float) -> Mesh:
    """Connect the pixels of a prediction, as `metricdepth predict --save mesh` does."""
    keep = select_pixels(prediction.depth, prediction.confidence, prediction.sky, edge_filter=0.1, max_range=farthest)
    mesh = depth_mesh(prediction.depth, rgb, prediction.camera, keep)
    return Mesh(mesh.vertices, mesh.triangles, rgb[mesh.pixels[:, 1], mesh.pixels[:, 0]])


def example() -> None:
    """Make the still of the street: photo with a measured line, depth in metres, mesh from the side."""
    street, size = Street(), 34
    photo = measured(street.rgb, np.array(LINE, float), street.length, size)
    height, width = photo.shape[:2]
    mesh = street.seen(street.view((width, height), yaw=0.3, pitch=0.3, distance=19.0), size)
    figure = side_by_side(photo, street.depth(size), mesh)
    write_image(MEDIA / "example.jpg", cv2.resize(figure, None, fx=0.85, fy=0.85, interpolation=cv2.INTER_AREA))


def example_moving() -> None:
    """Make the animation of the street: photo, measured line, depth, and a flight around the mesh."""
    street, size, text = Street(), (560, 420), 26
    shrink = size[0] / street.rgb.shape[1]
    photo = cv2.resize(street.rgb, size, interpolation=cv2.INTER_AREA)
    line = shrink * np.array(LINE, float)
    frames, times = [photo], [900]

    def add(image: np.ndarray, milliseconds: int = 60) -> None:
        frames.append(image)
        times.append(milliseconds)

    for part in np.linspace(0.15, 1, 7):
        add(measured(photo, np.stack([line[0], line[0] + part * (line[1] - line[0])]), ""))
    lined = measured(photo, line, street.length, text)
    add(lined, 1200)
    depth = cv2.resize(street.depth(34), size, interpolation=cv2.INTER_AREA)
    for image in wipe(lined, depth, 10):
        add(image)
    add(depth, 1300)
    for image in wipe(depth, street.seen(street.view(size), text), 10):
        add(image)
    for angle in np.linspace(0, 2 * np.pi, 49)[1:]:
        back = np.sin(angle / 2) ** 2
        view = street.view(size, yaw=0.32 * np.sin(angle), pitch=0.3 * back, distance=14 + 5 * back)
        add(street.seen(view, text))
    for image in wipe(frames[-1], photo, 8):
        add(image)
    first, *others = (Image.fromarray(frame) for frame in frames)
    options = {"save_all": True, "append_images": others, "duration": times, "loop": 0, "quality": 55, "method": 6}
    first.save(MEDIA / "example.webp", **options)


def wipe(before: np.ndarray, after: np.ndarray, steps: int) -> list[np.ndarray]:
    """Replace one image by another from the left."""
    width, images = before.shape[1], []
    for edge in np.linspace(0, width, steps + 1)[1:].astype(int):
        image = np.hstack([after[:, :edge], before[:, edge:]])
        image[:, max(edge - 2, 0) : edge] = 255
        images.append(image)
    return [*images[:-1], after]


def edge_filter() -> None:
    """Make the figure of points from the side, without and with the filter of edges."""
    model, rows, size = mono.load_model("lite", device="cpu"), [], (480, 360)
    for name, farthest in (("stream", 30), ("leuven", 45)):
        path = DEMO / f"wild_demo/{name}.jpg"
        rgb, prediction = read_image(path).rgb, model.predict(path)
        panels = [fit(rgb, size)]
        middle = float(np.median(prediction.depth))
        focal = prediction.camera.focal * min(size[0] / rgb.shape[1], size[1] / rgb.shape[0])
        for threshold in (None, 0.1):
            cloud = point_cloud(
                prediction.depth, rgb, prediction.camera, confidence=prediction.confidence, edge_filter=threshold,
                max_range=farthest,
            )  # fmt: skip
            view = View(focal, size, np.array([0, 0, middle]), 1.25 * middle, yaw=0.7, pitch=0.22)
            title = f"edge filter {threshold}" if threshold else "all points"
            panels.append(write(splats(cloud.points, cloud.colors, view), (8, 20), title, 20, anchor="lm"))
        rows.append(side_by_side(*panels))
    Image.fromarray(np.vstack(rows)).save(MEDIA / "edge_filter.webp", quality=60, method=6)


def guided() -> None:
    """Draw parts of five photos, their depth by bilinear interpolation, and guided by the photo."""
    models = [mono.load_model("lite", device="cpu", options={"data_basic.guided": on}) for on in (False, True)]
    rows = []
    for name, left, top in GUIDED_PARTS:
        path = DEMO / f"wild_demo/{name}.jpg"
        rgb = read_image(path).rgb
        side = min(rgb.shape[:2]) // 3
        row, column = round(top * rgb.shape[0]), round(left * rgb.shape[1])
        part = np.s_[row : row + side * 3 // 4, column : column + side]
        depths = [model.predict(path).depth[part] for model in models]
        panels = [rgb[part], *(colorize(depth, *depth_limits(depths[1])) for depth in depths)]
        rows.append(side_by_side(*(cv2.resize(panel, (400, 300), interpolation=cv2.INTER_NEAREST) for panel in panels)))
    Image.fromarray(np.vstack(rows)).save(MEDIA / "guided.webp", quality=70, method=6)


def splats(points: np.ndarray, colors: np.ndarray, view: View) -> np.ndarray:
    """Draw points as squares of two pixels, the nearest on top."""
    width, height = view.size
    depth = ((points - view.pivot) @ view.rotation.T)[:, 2]
    order = np.argsort(-depth)
    places = view.project(points[order]).astype(int)
    canvas = np.full((height, width, 3), 255, np.uint8)
    for step in np.ndindex(2, 2):
        u, v = (places + step).T
        inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
        canvas[v[inside], u[inside]] = colors[order[inside]]
    return canvas


def focal_length(seed: int = 47) -> None:
    """Draw a rendered room from above with its focal length and two wrong ones; depth grows with the focal length."""
    from metricdepth_scenes import render_frame

    camera = Camera.from_fov(75, 960, 720)
    frame = render_frame(seed, "room", camera=camera)
    panels = []
    for factor, caption in ((1.0, "right focal length"), (2 / 3, "two thirds of it"), (1.5, "one and a half times")):
        wrong = Camera(factor * camera.fx, factor * camera.fy, camera.cx, camera.cy, camera.width, camera.height)
        cloud = point_cloud(factor * frame.depth, frame.rgb, wrong, edge_filter=0.05)
        panel = from_above(cloud.points @ _upright(frame.pose).T, cloud.colors, (7.0, 10.0), 43)
        panel = np.pad(panel[1:-1, 1:-1], ((1, 1), (1, 1), (0, 0)), constant_values=170)
        panels.append(write(panel, (14, 12), caption, 22, anchor="la"))
    height = len(panels[0])
    photo = fit(frame.rgb, (height * 4 // 5, height))
    write_image(MEDIA / "focal_length.png", side_by_side(photo, *panels))


def _upright(pose: np.ndarray) -> np.ndarray:
    """Return the rotation from camera axes to level ones of the same heading: x right, y down, z forward."""
    down = -pose[2, :3]  # the scenes' world has z up
    forward = np.array([0.0, 0.0, 1.0]) - down[2] * down
    forward /= np.linalg.norm(forward)
    return np.stack([np.cross(down, forward), down, forward])


def panorama(assets: Path) -> None:
    """Draw the distance of a panorama (Poly Haven, CC0)."""
    rgb = read_image(assets / "skies/vestibule.jpg").rgb
    height, width = rgb.shape[:2]
    prediction = mono.load_model("lite", device="cpu").predict(rgb, Camera.panorama(width, height))
    write_image(MEDIA / "docs/panorama.jpg", visualize_depth(rgb, prediction.depth, max_side=1024))


def lite_own() -> None:
    """Draw the sheet of the photos and rendered frames that ship."""
    annotated = [DEMO / f"{name}/test_annotations.json" for name in ("kitti_demo", "nyu_demo")]
    sheet = draw_sheet(mono.load_model("lite", device="cpu"), [DEMO / "wild_demo", *annotated], 5, photos=True)
    write_image(MEDIA / "lite_own.jpg", sheet)


def lite_real(frames: Path) -> None:
    """Draw the sheet of real frames, without their photos."""
    folders = [frames / name for name in REAL]
    write_image(MEDIA / "lite_real.jpg", draw_sheet(mono.load_model("lite", device="cpu"), folders, 4, photos=False))
