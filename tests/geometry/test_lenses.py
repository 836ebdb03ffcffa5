import math

import cv2
import numpy as np
import pytest

from mono.geometry.camera import Camera
from mono.geometry.lens_models import MODELS

WIDTH, HEIGHT = 160, 120
FISHEYE = ([0, 0.05], [-0.01, 0.01], [-0.002, 0.002], [-0.0005, 0.0005])
TANGENTIAL = ([-2e-3, 2e-3], [-2e-3, 2e-3])
PRISM = ([-1e-3, 1e-3], [-1e-3, 1e-3])
# Ranges of the parameters that calibrations of real lenses have.
RANGES = {
    "pinhole": ([-0.3, 0.1], [0, 0.1], *TANGENTIAL, [-0.01, 0.02], [0, 0.02], [0, 0.01], [0, 0.01], *PRISM, *PRISM),
    "fisheye": FISHEYE,
    "thin_prism_fisheye": (*FISHEYE[:2], *TANGENTIAL, *FISHEYE[2:], *PRISM),
    "rad_tan_thin_prism_fisheye": (*FISHEYE, [-1e-4, 1e-4], [-1e-5, 1e-5], *TANGENTIAL, *PRISM, *PRISM),
    "fov": ([0.2, 1.1],),
    "division": ([-0.4, 0.1],),
    "unified": ([0.2, 1.4], [-0.1, 0.1], [0, 0.02], *TANGENTIAL, [0, 0.01]),
    "eucm": ([0.3, 0.75], [0.8, 1.3]),
    "double_sphere": ([-0.3, 0.4], [0.3, 0.7]),
    "equirectangular": (),
}
# Model of COLMAP, and how many of our parameters it has.
COLMAP = {
    "pinhole": ("FULL_OPENCV", 8),
    "fisheye": ("OPENCV_FISHEYE", 4),
    "thin_prism_fisheye": ("THIN_PRISM_FISHEYE", 8),
    "rad_tan_thin_prism_fisheye": ("RAD_TAN_THIN_PRISM_FISHEYE", 12),
    "fov": ("FOV", 1),
    "division": ("DIVISION", 1),
    "eucm": ("EUCM", 2),
}
PIXELS = np.stack(np.meshgrid(np.arange(0, WIDTH, 4.0), np.arange(0, HEIGHT, 4.0)), -1).reshape(-1, 2)


def cameras(model):
    rng = np.random.default_rng(len(model))
    for _ in range(10):
        parameters = tuple(float(rng.uniform(*bounds)) for bounds in RANGES[model])
        fx, fy = rng.uniform(55, 90), rng.uniform(55, 90)
        yield Camera(fx, fy, rng.uniform(70, 90), rng.uniform(50, 70), WIDTH, HEIGHT, parameters, model)


def paper_unified(p, xi):
    """Mei and Rives (2007), without distortion."""
    x, y, z = np.moveaxis(p / np.linalg.norm(p, axis=-1, keepdims=True), -1, 0)
    return np.stack([x / (z + xi), y / (z + xi)], -1)


def paper_double_sphere(p, xi, alpha):
    """Usenko, Demmel and Cremers (2018), equations 40 to 42."""
    x, y, z = np.moveaxis(p, -1, 0)
    d1 = np.sqrt(x**2 + y**2 + z**2)
    d2 = np.sqrt(x**2 + y**2 + (xi * d1 + z) ** 2)
    return np.stack([x, y], -1) / (alpha * d2 + (1 - alpha) * (xi * d1 + z))[:, None]


@pytest.mark.parametrize("model", MODELS)
def test_rays_project_to_their_pixels(model):
    for camera in cameras(model):
        rays = camera.rays_at(PIXELS)
        seen = np.isfinite(rays).all(-1)
        assert seen.mean() > 0.5
        back, valid = camera.project(5 * rays)
        assert valid[seen].all() and not valid[~seen].any()
        assert np.abs(back - PIXELS)[seen].max() < 1e-6
        if camera.is_perspective:
            assert (rays[seen, 2] == 1).all()
        else:
            np.testing.assert_allclose(np.linalg.norm(rays[seen], axis=1), 1, atol=1e-12)


SPHERES = (-0.99, -0.9, -0.2, 0, 0.3, 0.9, 0.99, 1)  # xi
RAD_TAN_PRISM = (0.4, -0.5, 0.2, 0.02, -0.05, 0.01, 5e-4, -7e-4, 5e-4, -1e-4, -8e-4, 1e-4)  # folds at 70 degrees


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        *[("double_sphere", (xi, alpha)) for xi in SPHERES for alpha in (0, 0.1, 0.3, 0.5, 0.6, 1)],
        *[("eucm", (alpha, beta)) for alpha in (0.1, 0.5, 0.7, 1) for beta in (0.3, 1, 3)],
        *[("unified", (xi,)) for xi in (-0.9, 0.3, 1, 2.5)],
        *[("division", (k,)) for k in (-2, -0.005, 0.3)],
        ("fov", (2.0,)),
        ("fisheye", (-0.1, 0.02)),
        ("rad_tan_thin_prism_fisheye", RAD_TAN_PRISM),
        ("pinhole", (-0.3, 0.1, 1e-3, -2e-3, 0.01)),
        ("pinhole", (0, 0, 0.1, 0.1)),
    ],
)
def test_projection_and_rays_have_one_bound(model, parameters):
    camera = Camera(55.0, 60.0, 79.5, 59.5, WIDTH, HEIGHT, parameters, model)
    pixels = np.stack(np.meshgrid(np.arange(-80, 240, 3.0), np.arange(-60, 180, 3.0)), -1)
    rays = camera.rays_at(pixels)
    back, _ = camera.project(rays)
    seen = np.isfinite(rays[..., 2])
    assert (np.isfinite(back[..., 0]) == seen).all()
    assert np.abs(back - pixels)[seen].max() < 1e-6
    angle, around = np.linspace(7e-4, math.pi - 0.0071, 181)[:, None], np.linspace(-math.pi, math.pi, 73)
    shape = np.broadcast_shapes(angle.shape, around.shape)
    rays = np.stack(
        [np.sin(angle) * np.cos(around), np.sin(angle) * np.sin(around), np.broadcast_to(np.cos(angle), shape)], -1
    )
    pixels, _ = camera.project(rays)
    back = camera.rays_at(pixels)
    seen = np.isfinite(pixels[..., 0])
    assert (np.isfinite(back[..., 0]) == seen).all() and seen.mean() > 0.04
    back /= np.linalg.norm(back, axis=-1, keepdims=True)
    assert np.abs(back - rays)[seen].max() < 1e-5  # [rad]


def test_double_sphere_sees_up_to_where_its_curve_turns():
    for xi, alpha in [(-0.2, 0.6), (0.3, 0.6), (-0.9, 0.7), (0.9, 0.9)]:
        angle = np.linspace(0, math.pi, 100_001)
        ray = np.stack([np.sin(angle), 0 * angle, np.cos(angle)], -1)
        with np.errstate(invalid="ignore"):
            turn = angle[np.argmax(np.diff(paper_double_sphere(ray, xi, alpha)[:, 0]) < 0)]
        camera = Camera(60, 60, 79.5, 59.5, WIDTH, HEIGHT, (xi, alpha), "double_sphere")
        _, seen = camera.lens.project(ray)
        assert angle[seen].max() == pytest.approx(turn, abs=2e-4)
    # On the sphere itself (xi = 1) the radius ends at 1 / alpha, straight behind: here at 2 fx.
    camera = Camera(60, 60, 199.5, 59.5, 400, HEIGHT, (1, 0.5), "double_sphere")
    row = camera.rays_at(np.stack([199.5 + np.array([60, 119, 121, 180]), np.full(4, 59.5)], -1))
    assert np.isfinite(row[:2]).all() and row[1, 2] < -0.9 and np.isnan(row[2:]).all()


@pytest.mark.parametrize("model", COLMAP)
def test_colmap_projects_rays_to_the_same_pixels(model):
    pycolmap = pytest.importorskip("pycolmap")
    name, count = COLMAP[model]
    for camera in cameras(model):
        camera = Camera(*camera.intrinsics, WIDTH, HEIGHT, camera.distortion[:count], model)
        center = [camera.fx, camera.fy, camera.cx + 0.5, camera.cy + 0.5]  # the corner is its origin
        theirs = pycolmap.Camera(model=name, width=WIDTH, height=HEIGHT, params=[*center, *camera.distortion])
        rays = camera.rays_at(PIXELS)
        ahead = rays[:, 2] > 0.02  # COLMAP divides by z first
        assert ahead.mean() > 0.5
        assert np.abs(theirs.img_from_cam(rays[ahead]) - 0.5 - PIXELS[ahead]).max() < 1e-6


@pytest.mark.parametrize("model", ["pinhole", "fisheye"])
def test_opencv_projects_rays_to_the_same_pixels(model):
    for camera in cameras(model):
        rays = camera.rays_at(PIXELS)
        ahead = rays[:, 2] > 0.02
        matrix = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
        project = cv2.projectPoints if model == "pinhole" else cv2.fisheye.projectPoints
        points = rays[ahead][:, None]
        none = np.zeros((3, 1))
        arguments = (none, none, matrix, np.array(camera.distortion))
        theirs = project(points, *arguments)[0]
        assert ahead.mean() > 0.5
        assert np.abs(theirs[:, 0] - PIXELS[ahead]).max() < 1e-6


@pytest.mark.parametrize(("model", "formula"), [("unified", paper_unified), ("double_sphere", paper_double_sphere)])
def test_sphere_models_project_as_their_papers_say(model, formula):
    for camera in cameras(model):
        parameters = camera.distortion[:2] if model == "double_sphere" else camera.distortion[:1]
        camera = Camera(*camera.intrinsics, WIDTH, HEIGHT, parameters, model)
        rays = camera.rays_at(PIXELS)
        seen = np.isfinite(rays).all(-1)
        expected = formula(3 * rays[seen], *parameters) * (camera.fx, camera.fy) + (camera.cx, camera.cy)
        assert np.abs(expected - PIXELS[seen]).max() < 1e-6


def test_panorama_columns_are_longitudes_and_rows_latitudes():
    pycolmap = pytest.importorskip("pycolmap")
    camera = Camera.panorama(WIDTH, HEIGHT)
    theirs = pycolmap.Camera(model="EQUIRECTANGULAR", width=WIDTH, height=HEIGHT, params=[WIDTH, HEIGHT])
    rays = camera.rays_at(PIXELS)
    assert np.abs(theirs.img_from_cam(rays, False) - 0.5 - PIXELS)[np.abs(rays[:, 1]) < 0.999].max() < 1e-6
    np.testing.assert_allclose(camera.rays_at([79.5, 59.5]), [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(camera.rays_at([119.5, 59.5]), [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(camera.rays_at([79.5, 119.5]), [0, 1, 0], atol=1e-12)
    assert camera.valid_rays().all()
    assert np.isnan(camera.rays_at([[-3, 20], [20, -3]])).all()
    assert camera.field_of_view == pytest.approx((360, 180, 360))


@pytest.mark.parametrize("model", MODELS)
def test_changed_images_keep_their_rays(model):
    turns = {2: (-1, 1), 3: (-1, -1), 4: (1, -1)}
    for camera in list(cameras(model))[:3]:
        rays = camera.rays_at(PIXELS)
        seen = np.isfinite(rays).all(-1)
        resized = camera.resized(320, 90).cropped(10, -5, 200, 80)  # each axis by its own factor
        moved = (PIXELS + 0.5) * (2, 0.75) - 0.5 - (10, -5)
        np.testing.assert_allclose(resized.rays_at(moved)[seen], rays[seen], atol=1e-9)
        for orientation in range(2, 9):
            turned = camera.turned(orientation)
            x, y = PIXELS.T
            left, up = WIDTH - 1 - x, HEIGHT - 1 - y
            places = {2: (left, y), 3: (left, up), 4: (x, up), 5: (y, x), 6: (up, x), 7: (up, left), 8: (y, left)}
            a, b, c = rays.T
            axes = {5: (b, a), 6: (-b, a), 7: (-b, -a), 8: (b, -a)} | {o: (i * a, j * b) for o, (i, j) in turns.items()}
            found = turned.rays_at(np.stack(places[orientation], -1))
            np.testing.assert_allclose(found[seen], np.stack([*axes[orientation], c], -1)[seen], atol=1e-9)
            again = turned.turned({6: 8, 8: 6}.get(orientation, orientation))
            np.testing.assert_allclose(again.distortion or 0, camera.distortion or 0, atol=0)


def test_maps_of_depth_and_distance_give_points():
    for model in ("pinhole", "fisheye", "unified"):
        camera = next(cameras(model))
        rays, mask = camera.rays(), camera.valid_rays()
        assert rays.dtype == np.float32 and np.isnan(rays[~mask]).all()
        np.testing.assert_allclose(np.linalg.norm(camera.unit_rays()[mask], axis=1), 1, atol=1e-6)
        ahead = mask & (camera.unit_rays()[..., 2] > 0.01)
        points = camera.unproject(np.full((HEIGHT, WIDTH), 4, np.float32))
        np.testing.assert_allclose(points[ahead, 2], 4, rtol=1e-6)
        assert not points[~mask].any()
        near = camera.unproject_distance(np.full((HEIGHT, WIDTH), 4, np.float32))
        np.testing.assert_allclose(np.linalg.norm(near[mask], axis=1), 4, rtol=1e-6)
        assert not near[~mask].any() and near.dtype == points.dtype == np.float32
        across = np.cross(points, near)[ahead]
        assert np.abs(across).max() / np.abs(points[ahead]).max() < 1e-5


@pytest.mark.parametrize(
    ("camera", "expected"),
    [
        (Camera.from_fov(90, 200, 100), (90, 2 * math.degrees(math.atan(0.5)), 2 * math.degrees(math.atan(1.25**0.5)))),
        (Camera(100, 100, 99.5, 49.5, 200, 100, (), "fisheye"), np.degrees([2, 1, 5**0.5])),
        (Camera(100, 100, -0.5, 49.5, 200, 100, (), "fisheye"), (np.degrees(2), np.degrees(1), None)),
    ],
)
def test_fields_of_view(camera, expected):
    for angle, value in zip(camera.field_of_view, expected, strict=True):
        assert value is None or angle == pytest.approx(value, rel=1e-4)


def test_beyond_the_turning_point_there_are_no_rays():
    # r (1 - r^2) turns at r = 1 / sqrt(3), where it reaches 0.3849.
    camera = Camera(100.0, 100.0, 99.5, 49.5, 200, 100, (-1.0,))
    rays = camera.rays_at([[99.5 + 38.4, 49.5], [99.5 + 38.6, 49.5]])
    assert rays[0, 0] == pytest.approx(1 / math.sqrt(3), rel=0.05) and np.isnan(rays[1]).all()
    assert camera.valid_rays().mean() == pytest.approx(math.pi * 38.49**2 / 20000, rel=0.01)
    pixels, valid = camera.project([[0.5, 0, 1], [0.6, 0, 1], [0, 0, -1], [0, 0, 0], [np.nan, 0, 1], [np.inf, 0, 1]])
    assert valid.tolist() == [True, False, False, False, False, False] and np.isnan(pixels[1:]).all()
    assert camera.field_of_view[0] == pytest.approx(60, abs=4)


@pytest.mark.parametrize(
    "parameters", [(1e30, -1e30, 5, 5), (0, 0, 100, -100), (-1, 1, 0, 0, 0, -2, 1, 0), (1e300,) * 12]
)
def test_absurd_coefficients_give_no_wrong_rays(parameters):
    camera = Camera(100.0, 100.0, 31.5, 23.5, 64, 48, parameters)
    rays = camera.rays().astype(np.float64)
    seen = np.isfinite(rays).all(-1)
    pixels, _ = camera.project(rays)
    grid = np.stack(np.meshgrid(np.arange(64), np.arange(48)), -1)
    assert np.abs(pixels - grid)[seen].max(initial=0) < 0.05  # rays are of single precision
    assert all(0 <= angle <= 360 for angle in camera.field_of_view)


@pytest.mark.parametrize(
    ("model", "parameters", "message"),
    [
        ("lens", (), "lens model is 'lens'; choose one of pinhole, fisheye"),
        ("fisheye", (0.1, math.nan), "k2 is nan; it must be finite"),
        ("fisheye", (0.0,) * 5, "fisheye has 5 parameters; it takes at most 4: k1, k2, k3, k4"),
        ("eucm", (1.2, 1.0), "alpha is 1.2; it must lie between 0 and 1"),
        ("eucm", (0.5,), "beta is 0; it must lie between 1e-06"),
        ("unified", (-3.0,), "xi is -3"),
        ("equirectangular", (1.0, 0.0), "leave them out"),
        ("equirectangular", (1.0, 1.0, 0.0, 1.0), "turn by 90 degrees"),
        ("pinhole", (0.0,) * 14, "at most 12"),
    ],
)
def test_impossible_lenses_are_refused(model, parameters, message):
    with pytest.raises(ValueError, match=message):
        Camera(100.0, 100.0, 31.5, 23.5, 64, 48, parameters, model)
