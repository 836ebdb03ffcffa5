import numpy as np
from metricdepth_scenes.meshes import nearest


def test_the_nearest_distance_equals_that_to_many_points_of_the_triangles() -> None:
    rng = np.random.default_rng(0)
    tri = (rng.uniform(-1, 1, (30, 1, 3)) + rng.uniform(-0.3, 0.3, (30, 3, 3))).astype(np.float32)
    u, v = np.meshgrid(np.linspace(0, 1, 60), np.linspace(0, 1, 60))
    u, v = u[u + v <= 1], v[u + v <= 1]
    on = tri[:, :1] * (1 - u - v)[:, None] + tri[:, 1:2] * u[:, None] + tri[:, 2:] * v[:, None]
    for point in rng.uniform(-1, 1, (50, 3)):
        expected = np.linalg.norm(on - point, axis=2).min()
        found = nearest(tri, point, within=5)
        assert found <= expected + 1e-6
        assert abs(found - expected) < 0.012  # half the spacing of the points
    assert nearest(tri, np.array([9.0, 0, 0])) == np.inf
