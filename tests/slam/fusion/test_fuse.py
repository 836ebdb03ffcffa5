"""Fusing a room with exact depth, and what is refused."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest
from metricdepth_scenes.builder import Builder
from metricdepth_scenes.cameras import look, pose_towards
from metricdepth_scenes.meshes import nearest
from metricdepth_scenes.places.rooms import room as build_room
from metricdepth_scenes.surfaces import cast

from mono.cli.main import main
from mono.data.sample import Sample
from mono.data.video import frame_times
from mono.geometry.camera import Camera
from mono.geometry.pixel_mask import depth_edges
from mono.io.depth import write_depth
from mono.io.point_cloud import write_ply
from mono.slam import Trajectory, write_trajectory
from mono.slam.fusion.fuse import FuseError, FuseOptions, chosen_sizes, fuse
from mono.slam.fusion.grid_size import BLOCK, TRUNCATION, Rays
from mono.slam.fusion.pose_matching import pose_names, read_poses, with_poses
from mono.slam.fusion.posed_depth import DepthFrame, PosedDepthError, find_depth
from mono.slam.fusion.posed_views import PosedView
from tests.conftest import open3d_or_skip

o3d = open3d_or_skip()
_CAMERA = Camera.from_fov(75, 160, 120)


class Frame:
    """Exact depth of a scene from a pose; the picture's colours say where a pixel is in the world."""

    def __init__(self, scene, pose, name="frame"):
        self.name, self.pose, self.frame = name, pose, SimpleNamespace(is_annotated=True)
        rays = _CAMERA.rays().astype(np.float64) @ pose[:3, :3].T
        origin = np.broadcast_to(pose[:3, 3], rays.shape)
        hits = cast(scene, origin.reshape(-1, 3), rays.reshape(-1, 3))
        self.depth = hits.distance.reshape(rays.shape[:2])
        points = origin + rays * self.depth[..., None]
        self.rgb = np.clip(points * 25 + 128, 0, 255).astype(np.uint8)

    def read(self):
        return [PosedView(self.depth, self.rgb, _CAMERA, self.pose)]


@pytest.fixture(scope="module")
def room():
    scene = build_room(Builder(np.random.default_rng(4), None))
    middle = np.array([0, 0, 1.5])
    low, high = scene.mesh.tri.reshape(-1, 3).min(0), scene.mesh.tri.reshape(-1, 3).max(0)
    middle[:2] = (low[:2] + high[:2]) / 2
    frames = []
    for turn in range(0, 360, 24):
        at = middle + 0.2 * np.array([np.cos(np.radians(turn)), np.sin(np.radians(turn)), 0])
        frames.append(Frame(scene, pose_towards(at, at + look(turn, -12), 0), f"frame {turn}"))
    return scene, frames


def test_a_room_is_fused_to_its_surface(room):
    scene, frames = room
    found = fuse(frames, FuseOptions(voxel_size=0.04, max_range=6))
    assert found.frames == len(frames) and not found.failures
    assert len(found.vertices) > 5000 and len(found.triangles) > 8000
    gap = np.array(
        [nearest(scene.mesh.tri, vertex) for vertex in np.random.default_rng(0).permutation(found.vertices)[:300]]
    )
    assert np.median(gap) < 0.01  # two voxels are 0.08 m; exact depth does much better
    assert np.percentile(gap, 95) < 0.08
    # Colours are those of the places, but for what edges and the grid blur.
    expected = np.clip(found.vertices * 25 + 128, 0, 255)
    assert np.median(np.abs(found.colors - expected)) < 3
    # Normals point to the cameras.
    to_camera = np.mean([f.pose[:3, 3] for f in frames], axis=0) - found.vertices
    assert ((to_camera * found.normals).sum(axis=1) > 0).mean() > 0.95


def test_the_same_frames_give_the_same_map(room):
    _, frames = room
    one, two = (fuse(frames[:5], FuseOptions(voxel_size=0.05)) for _ in range(2))
    np.testing.assert_array_equal(one.triangles, two.triangles)
    np.testing.assert_array_equal(one.vertices, two.vertices)
    np.testing.assert_array_equal(one.colors, two.colors)


def test_sizes_follow_the_range_of_depth(room):
    _, frames = room
    voxel, far = chosen_sizes(frames, FuseOptions())
    near = np.concatenate([f.depth[(f.depth > 0) & ~depth_edges(f.depth, 0.1)] for f in frames])
    assert far == pytest.approx(np.percentile(near, 95), rel=0.03)
    assert far / 400 / 1.7 < voxel <= far / 400
    assert chosen_sizes(frames, FuseOptions(max_range=2.0)) == (0.005, 2.0)
    found = fuse(frames[:2], FuseOptions(voxel_size=0.05, min_views=1))
    assert np.linalg.norm(found.vertices - frames[0].pose[:3, 3], axis=1).max() < 2 * found.max_range


def test_a_broken_frame_does_not_stop_the_others(room, caplog):
    class Broken:
        name = "broken"
        pose = np.eye(4)
        frame = SimpleNamespace(is_annotated=True)

        def read(self):
            raise PosedDepthError("cannot be read")

    _, frames = room
    found = fuse([frames[0], Broken(), frames[1]], FuseOptions(voxel_size=0.06, min_views=1))
    assert found.frames == 2
    assert found.failures == (("broken", "cannot be read"),)
    with pytest.raises(FuseError, match="no depth in 1 of the 1 frames"):
        fuse([Broken()])
    with pytest.raises(FuseError, match="broken: cannot be read"):
        fuse([Broken()], FuseOptions(voxel_size=0.06, max_range=5))


def test_wrong_options_and_maps_that_grow_too_large_are_refused(room, monkeypatch):
    _, frames = room
    for wrong, why in (({"voxel_size": 0}, "voxel_size is 0"), ({"min_range": 3, "max_range": 2}, "there is none"),
                       ({"min_views": 0}, "min_views is 0")):  # fmt: skip
        with pytest.raises(FuseError, match=why):
            FuseOptions(**wrong)
    monkeypatch.setattr("mono.slam.fusion.grid_size.LARGEST", 1e6)
    with pytest.raises(FuseError, match="--voxel-size"):
        fuse(frames[:2], FuseOptions(voxel_size=0.02, max_range=6))
    with pytest.raises(FuseError, match=r"needs more than 0\.001 GB: take --voxel-size [0-9.]+, or a nearer"):
        fuse(frames[:2], FuseOptions(voxel_size=0.02, max_range=6))
    with pytest.raises(FuseError, match="is out of range"):
        fuse(frames[:2], FuseOptions(voxel_size=0.02, min_range=50, max_range=60))


@pytest.mark.parametrize("voxel", [1e-6, 0.001, 0.005])
def test_voxels_that_are_far_too_small_are_refused_before_any_frame_is_fused(room, voxel, monkeypatch):
    _, frames = room
    done = []
    monkeypatch.setattr("mono.slam.fusion.grid_size.LARGEST", 1e8)
    options = FuseOptions(voxel_size=voxel, max_range=6)
    with pytest.raises(FuseError, match=r"needs more than 0\.1 GB: take --voxel-size") as refused:
        fuse(frames, options, done.append)
    assert not done
    named = float(re.search(r"--voxel-size ([0-9.e-]+),", str(refused.value))[1])
    assert 0.01 < named < 0.05
    found = fuse(frames, replace(options, voxel_size=named))  # it fits
    assert found.frames == len(frames)


@pytest.mark.parametrize("voxel", [0.002, 0.02, 0.1])
def test_no_more_blocks_are_counted_than_the_grid_takes(room, voxel):
    _, frames = room
    device, channels = o3d.core.Device("CPU:0"), [o3d.core.SizeVector([1])]
    grid = o3d.t.geometry.VoxelBlockGrid(["tsdf"], [o3d.core.float32], channels, voxel, BLOCK, 1000, device)
    taken = set()
    for frame in frames[:4]:
        k = [[_CAMERA.fx, 0, _CAMERA.cx], [0, _CAMERA.fy, _CAMERA.cy], [0, 0, 1]]
        blocks = grid.compute_unique_block_coordinates(
            o3d.t.geometry.Image(o3d.core.Tensor(frame.depth.astype(np.float32))),
            o3d.core.Tensor(np.array(k)),
            o3d.core.Tensor(np.ascontiguousarray(np.linalg.inv(frame.pose))),
            1.0,
            20.0,
            TRUNCATION,
        )
        taken.update(map(tuple, blocks.numpy().tolist()))
    counted = Rays(view for frame in frames[:4] for view in frame.read()).count_blocks(voxel, 20.0)
    assert 0.93 * len(taken) < counted < 1.02 * len(taken)
    assert Rays([]).count_blocks(voxel, 20.0) == 0


@pytest.fixture
def folder(room, tmp_path):
    """Annotations, pictures and depth of five frames, and their poses."""
    _, frames = room
    entries = []
    for i, frame in enumerate(frames[:5]):
        PIL.Image.fromarray(frame.rgb).save(tmp_path / f"{i:04d}.png")
        write_depth(tmp_path / "depth" / f"{i:04d}.png", frame.depth)
        entry = {"rgb": f"{i:04d}.png", "depth": f"depth/{i:04d}.png", "cam_in": list(_CAMERA.intrinsics)}
        entries.append(entry)
    (tmp_path / "annotations.json").write_text(json.dumps({"files": entries}))
    path = Trajectory(np.stack([f.pose for f in frames[:5]]), np.arange(5.0))
    write_trajectory(tmp_path / "poses.txt", path, "kitti")
    write_trajectory(tmp_path / "some.txt", path.select(np.array([1, 3, 4])), "tum")
    write_trajectory(tmp_path / "late.txt", Trajectory(path.poses[:3], np.arange(3) + 100.0), "tum")
    return tmp_path


def test_poses_go_to_frames_in_order_or_by_time(folder):
    from mono.slam import read_trajectory

    frames = find_depth(folder / "annotations.json")
    np.testing.assert_array_equal(frame_times([f.sample for f in frames]), range(5))
    assert len(with_poses(frames, read_trajectory(folder / "poses.txt"))) == 5
    some = with_poses(frames, read_trajectory(folder / "some.txt"))
    assert [f.frame.sample.name for f in some] == ["0001", "0003", "0004"]
    other_clock = Trajectory(some_poses := read_trajectory(folder / "poses.txt").poses, np.arange(5) * 0.1 + 7)
    assert [f.pose.tolist() for f in with_poses(frames, other_clock)] == some_poses.tolist()
    # As many poses as depth maps, but of other frames: times decide.
    shifted = with_poses(frames, Trajectory(some_poses, np.arange(5.0) + 1))
    assert [f.frame.sample.name for f in shifted] == ["0001", "0002", "0003", "0004"]
    # Numbered frames and poses in seconds meet at whole seconds, by chance.
    seconds = Trajectory(some_poses, np.arange(5) * 0.5)
    assert [f.pose.tolist() for f in with_poses(frames, seconds)] == some_poses.tolist()
    with pytest.raises(PosedDepthError, match="numbered, and the poses have times"):
        with_poses(frames, Trajectory(np.concatenate([some_poses] * 2), np.arange(10) * 0.5))
    with pytest.raises(PosedDepthError, match=r"0 of the 5 depth maps .* have one of the 3 poses"):
        with_poses(frames, read_trajectory(folder / "late.txt"))


def test_lines_without_times_need_one_for_every_numbered_frame(folder):
    frames = find_depth(folder / "annotations.json")
    lines = (folder / "poses.txt").read_text().splitlines()
    path = folder / "lines.txt"

    def names(lines: list[str], frames) -> list[str]:
        path.write_text("\n".join(lines))
        return [f.frame.sample.name for f in read_poses(frames, path)]

    with pytest.raises(PosedDepthError, match="the poses are 3 lines without times for 5 depth maps: which"):
        names(lines[:3], frames)
    assert names([f"{i} {lines[i]}" for i in range(3)], frames) == ["0000", "0001", "0002"]
    assert names(lines, frames[1::2]) == ["0001", "0003"]
    assert names(lines[:3], frames[2:]) == ["0002", "0003", "0004"]  # as many as frames: not those of 0, 1, 2


@pytest.mark.parametrize(
    ("numbers", "poses", "warned"),
    [
        (range(5), range(5), False),
        (range(2, 7), range(2, 5), False),  # numbers that fit decide
        (range(1, 6), range(5), True),
        ((0, 5, 10, 17, 20), range(5), True),  # keyframes, renumbered
    ],
)
@pytest.mark.parametrize("first", ["{i} 1 0 0 {i} 0 1 0 0 0 0 1 0", "{i} {i} 0 0 0 0 0 1"])
def test_poses_with_numbers_go_to_frames_of_these_numbers(tmp_path, caplog, numbers, poses, warned, first):
    frames = [DepthFrame(Sample(f"{n:06d}", Path("a.png"), f"{n:06d}"), Path("d.png")) for n in numbers]
    (tmp_path / "poses.txt").write_text("\n".join(first.format(i=i) for i in range(5)))
    assert [int(f.pose[0, 3]) for f in read_poses(frames, tmp_path / "poses.txt")] == list(poses)
    assert ("pose 0 with" in caplog.text) == warned


def test_names_beside_the_poses_say_whose_they_are(folder):
    from mono.slam import read_trajectory

    frames = find_depth(folder / "annotations.json")
    poses = folder / "late.txt"  # whose times fit nothing
    assert pose_names(poses) is None
    (folder / "frames.txt").write_text("100.0 0003\n101.0 0000\n102.0 else\n")
    some = with_poses(frames, read_trajectory(poses), pose_names(poses))
    assert [f.frame.sample.name for f in some] == ["0000", "0003"]
    expected = read_trajectory(poses).poses
    np.testing.assert_array_equal([f.pose for f in some], expected[[1, 0]])
    assert pose_names(folder / "poses.txt") is None  # of another number


def test_poses_of_a_body_are_refused(folder, capsys):
    from mono.slam import read_trajectory

    write_trajectory(folder / "data.csv", read_trajectory(folder / "poses.txt"), "euroc")
    words = ["fuse", str(folder / "annotations.json"), "--poses", str(folder / "data.csv")]
    assert main([*words, "--out", str(folder / "map.ply")]) == 2
    assert "those of a body" in capsys.readouterr().err


def test_the_command_writes_cloud_and_mesh(folder, capsys):
    out, mesh = folder / "map.ply", folder / "mesh.ply"
    arguments = ["fuse", str(folder / "annotations.json"), "--poses", str(folder / "poses.txt"), "--out", str(out)]
    assert main([*arguments, "--mesh", str(folder / "rgb/../map.ply")]) == 2
    assert "is the file of --out too; give the mesh (--mesh) a name of its own" in capsys.readouterr().err
    assert main([*arguments, "--mesh", str(mesh), "--voxel-size", "0.05", "--min-views", "1"]) == 0
    assert "5 frames fused" in capsys.readouterr().out
    read = o3d.io.read_triangle_mesh(str(mesh))
    assert len(read.triangles) > 1000 and read.has_vertex_colors() and read.has_vertex_normals()
    cloud = o3d.io.read_point_cloud(str(out))
    np.testing.assert_array_equal(np.asarray(cloud.points), np.asarray(read.vertices))
    assert main([*arguments[:-1], str(folder / "map.obj")]) == 2
    assert "map.obj: maps are written as .ply" in capsys.readouterr().err
    for flag, path in (("--out", out), ("--mesh", mesh)):
        before = path.read_bytes()
        assert main([*arguments[:-1], str(folder / "new.ply"), flag, str(path)]) == 2
        assert f"{path}: exists, and would be replaced; choose another {flag}, or --over" in capsys.readouterr().err
        assert path.read_bytes() == before
    assert main([*arguments, "--voxel-size", "0.2", "--min-views", "1", "--overwrite"]) == 0
    assert len(o3d.io.read_point_cloud(str(out)).points) < len(cloud.points)
    words = ["fuse", str(folder), "--poses", str(folder / "poses.txt"), "--out", str(folder / "new.ply")]
    assert main(words) == 2
    assert "neither an annotation file nor" in capsys.readouterr().err


def test_a_missing_open3d_is_named_with_its_extra_before_files_are_read(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "open3d", None)
    assert main(["fuse", str(tmp_path / "none"), "--poses", str(tmp_path / "none.txt"), "--out", "map.ply"]) == 2
    assert "pip install 'metricdepth[fusion]'" in capsys.readouterr().err


def test_a_mesh_file_holds_its_triangles(tmp_path):
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    write_ply(tmp_path / "m.ply", points, np.full((3, 3), 9, np.uint8), triangles=np.array([[0, 1, 2]]))
    read = o3d.io.read_triangle_mesh(str(tmp_path / "m.ply"))
    np.testing.assert_array_equal(np.asarray(read.triangles), [[0, 1, 2]])
    np.testing.assert_array_equal(np.asarray(read.vertices), points)
