"""Trajectory files as other programs write them: repaired where harmless, refused with a message otherwise."""

from __future__ import annotations

import codecs
import math
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mono.cli.main import main
from mono.slam import read_trajectory
from mono.slam.trajectory.files import file_format, read_body_from_camera, read_timed, read_times
from mono.slam.trajectory.time_units import time_unit
from mono.slam.trajectory.trajectory import MAX_COORDINATE, TrajectoryError

POSE = "1 2 3 0 0 0 1"


def rows(times: list[str], pose: str = POSE, separator: str = " ") -> str:
    return "".join(separator.join([t, *pose.split()]) + "\n" for t in times)


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "path.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_repeated_times_of_ground_truth_are_skipped_and_counted(tmp_path, capsys, caplog) -> None:
    line = "{:.4f} {:.6f} {:.6f} {:.6f} 0 0 0 1\n".format
    poses = [(1311868164.36 + 0.01 * i, 0.01 * i, 0.2 * math.sin(i / 40), 0.1 * math.cos(i / 25)) for i in range(400)]
    text = [line(*p) for p in poses]
    text.insert(201, line(poses[200][0], poses[200][1] + 5, *poses[200][2:]))  # the same time, elsewhere
    text.insert(301, text[300])  # the very same line
    (tmp_path / "gt.txt").write_text("# ground truth\n# timestamp tx ty tz qx qy qz qw\n" + "".join(text))
    (tmp_path / "estimate.txt").write_text("".join(line(*p) for p in poses[::10]))
    assert main(["eval-odom", str(tmp_path / "estimate.txt"), str(tmp_path / "gt.txt")]) == 0
    shown = capsys.readouterr().out
    assert "40 poses compared, of 40 estimated and 400 ground-truth" in shown
    assert "shape error      0.0000 m" in shown
    assert "2 repeated times skipped (lines 204, 304)" in caplog.text
    kept = read_trajectory(tmp_path / "gt.txt")
    assert len(kept) == 400 and kept.positions[200, 0] == pytest.approx(2.0)  # the first of the two


@pytest.mark.parametrize("separator", [",", ", ", ";", "\t", " ; "])
def test_seconds_between_commas_are_tum(tmp_path: Path, separator: str) -> None:
    half = math.sqrt(0.5)
    path = write(tmp_path, rows(["1403636579.5", "1403636580.5"], f"1 2 3 {half} 0 0 {half}", separator))
    found = read_trajectory(path)
    assert file_format(path) == "tum"
    assert found.times.tolist() == [1403636579.5, 1403636580.5]
    np.testing.assert_allclose(found.poses[0, :3, :3] @ [0, 1, 0], [0, 0, 1], atol=1e-12)


def test_a_header_names_the_order_of_quaternions(tmp_path: Path) -> None:
    w_first = "timestamp,x,y,z,qw,qx,qy,qz\n" + rows(["0.5", "1.5"], "1 2 3 1 0 0 0", ",")
    found = read_trajectory(write(tmp_path, w_first))
    np.testing.assert_array_equal(found.poses[0, :3, :3], np.eye(3))
    assert found.times.tolist() == [0.5, 1.5]  # seconds, though qw comes first
    w_last = "#timestamp [ns],tx,ty,tz,qx,qy,qz,qw\n" + rows(["1403636579763555584", "1403636580763555584"], POSE, ",")
    assert file_format(write(tmp_path, w_last)) == "tum"
    np.testing.assert_array_equal(read_trajectory(tmp_path / "path.txt").poses[0, :3, :3], np.eye(3))


def test_euroc_columns_between_spaces_are_euroc(tmp_path: Path) -> None:
    line = "1403636579763555584 1 2 3 1 0 0 0 " + " ".join("0.1" * 1 for _ in range(9))
    assert file_format(write(tmp_path, line + "\n")) == "euroc"


@pytest.mark.parametrize(
    ("times", "unit"),
    [
        (["1403636579763555584", "1403636579813555584", "1403636579863555584"], "nanoseconds"),
        (["1403636579763555", "1403636579813555", "1403636579863555"], "microseconds"),
        (["1403636579763", "1403636579813", "1403636579863"], "milliseconds"),
        (["0", "50000000", "100000000"], "nanoseconds"),
        (["0", "50000", "100000"], "microseconds"),
        (["1403636579.763", "1403636579.813", "1403636579.863"], ""),
        (["0", "0.05", "0.1"], ""),
    ],
)
def test_times_are_seconds_whatever_their_unit(tmp_path: Path, caplog, times: list[str], unit: str) -> None:
    with caplog.at_level("INFO", "mono"):
        found = read_trajectory(write(tmp_path, rows(times)))
    np.testing.assert_allclose(np.diff(found.times), 0.05, atol=3e-7)
    assert (f"its times are taken as {unit}" in caplog.text) if unit else not caplog.records
    np.testing.assert_allclose(np.diff(read_times(write(tmp_path, "\n".join(times)))), 0.05, atol=3e-7)


def test_frame_numbers_stay_numbers() -> None:
    assert time_unit(np.arange(5000.0)) == (1.0, "seconds", "")
    assert time_unit(np.arange(0.0, 5000.0, 33)) == (1.0, "seconds", "milliseconds")


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")],
)
def test_a_byte_order_mark_is_skipped_and_reported(tmp_path: Path, caplog, mark: bytes, encoding: str) -> None:
    text = rows(["1.5", "2.5"]).replace("\n", "\r\n")
    found = read_trajectory(write(tmp_path, mark + text.encode(encoding)))
    assert found.times.tolist() == [1.5, 2.5] and "byte order mark" in caplog.text


@pytest.mark.parametrize("row", [[0, *np.eye(4)[:3].ravel()], [0, *np.eye(4).ravel()], np.eye(4).ravel()])
def test_matrices_of_kitti_360_and_replica_are_kitti(tmp_path: Path, row) -> None:
    path = write(tmp_path, " ".join(map(str, row)) + "\n")
    assert file_format(path) == "kitti"
    np.testing.assert_array_equal(read_trajectory(path, file_format(path)).poses, [np.eye(4)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#   IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME\n1 1 0 0 0 1 2 3 1 a.jpg\n1 2 3\n", "COLMAP model"),
        ('{"camera_model": "OPENCV", "w": 1, "h": 1, "a": 1, "b": 1, "c": 1, "d": 1, "frames": []}', "is JSON"),
        ('{\n "w": 1,\n "frames": []\n}', "is JSON"),
    ],
)
def test_other_kinds_of_files_are_named(tmp_path: Path, text: str, message: str) -> None:
    for read in (file_format, read_trajectory):
        with pytest.raises(TrajectoryError, match=message):
            read(write(tmp_path, text))


def test_a_few_quaternions_that_are_nearly_units_are_normalized(tmp_path: Path, caplog) -> None:
    lines = rows(["0", "1", "2"]) + "3 1 2 3 0 0 0 1.02\n"
    np.testing.assert_array_equal(read_trajectory(write(tmp_path, lines)).poses[3, :3, :3], np.eye(3))
    assert "1 of 4 quaternions normalized (line 4: length 1.02)" in caplog.text
    for wrong in (lines + "4 1 2 3 0 0 0 1.1\n", "0 1 2 3 0 0 0 1.02\n1 1 2 3 0 0 0 1.02\n"):
        with pytest.raises(TrajectoryError, match="not 1; normalize"):
            read_trajectory(write(tmp_path, wrong))


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\x00\x00", b"1 2 3\x00 4", b"\xff\xfe\x00\xd8", b"\xef\xbb\xbf"])
def test_binary_files_are_no_trajectories(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(TrajectoryError, match=r"is not text|holds no poses"):
        read_trajectory(write(tmp_path, data))


def test_folders_and_huge_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrajectoryError, match="not a regular file"):
        read_trajectory(tmp_path)
    with (tmp_path / "large.txt").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(TrajectoryError, match="larger than 256 MB"):
        read_trajectory(tmp_path / "large.txt")


def test_an_absurd_number_ends_in_a_message_at_once(tmp_path: Path, capsys) -> None:
    write(tmp_path, rows(["0", "1", "2"]) + "3 1e308 0 0 0 0 0 1\n")
    (tmp_path / "gt.txt").write_text(rows(["0", "1", "2", "3"]))
    begin = time.monotonic()
    assert main(["eval-odom", str(tmp_path / "path.txt"), str(tmp_path / "gt.txt")]) == 2
    assert time.monotonic() - begin < 5
    assert "line 4: the position has a coordinate of 1e+308" in capsys.readouterr().err


def test_settings_that_cannot_be_are_refused(tmp_path: Path, capsys) -> None:
    write(tmp_path, rows(["0", "1", "2", "3"]))
    for flags in (["--lengths", "nan"], ["--lengths", "0"], ["--step", "0"], ["--delta", "-1"]):
        assert main(["eval-odom", str(tmp_path / "path.txt"), str(tmp_path / "path.txt"), *flags]) == 2
        assert "must be positive" in capsys.readouterr().err
    assert main(["eval-odom", *[str(tmp_path / "path.txt")] * 2, "--max-difference", "nan"]) == 2


numbers = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True).map(repr),
    st.integers(-(10**30), 10**30).map(str),
    st.sampled_from(["0", "1", "-1", "nan", "inf", "1e308", "1e-320", "", "x", "0x1", "1_0", "²", "1,5", "\x00", "#"]),
)
lines = st.lists(numbers, min_size=0, max_size=18)
separators = st.sampled_from([" ", ",", ";", "\t", ", "])


@settings(max_examples=60, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=st.lists(lines, max_size=5), separator=separators, data=st.binary(max_size=80), mix=st.booleans())
def test_any_file_is_read_or_refused(tmp_path: Path, table, separator: str, data: bytes, mix: bool) -> None:
    text = "\n".join(separator.join(line) for line in table).encode("utf-8", "surrogatepass")
    path = write(tmp_path, text + (b"\n" + data if mix else b""))
    for read in (read_trajectory, read_times, file_format, read_body_from_camera):
        try:
            found = read(path)
        except TrajectoryError as error:
            assert str(path) in str(error)
            continue
        if read is read_trajectory:
            assert np.isfinite(found.poses).all() and np.abs(found.positions).max() <= MAX_COORDINATE
            assert (np.diff(found.times) > 0).all()


values = st.floats(-1e6, 1e6)


@settings(max_examples=50, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    where=st.lists(st.tuples(values, values, values), min_size=1, max_size=6),
    change=st.tuples(st.integers(0, 5), st.integers(0, 7), numbers),
)
def test_a_valid_file_with_a_changed_field_is_read_or_refused(tmp_path: Path, where, change) -> None:
    table = [[str(i), *map(repr, at), "0", "0", "0", "1"] for i, at in enumerate(where)]
    row, column, value = change
    table[row % len(table)][column] = value
    path = write(tmp_path, "\n".join(" ".join(line) for line in table).encode("utf-8", "surrogatepass"))
    try:
        found = read_trajectory(path)
    except TrajectoryError as error:
        assert str(path) in str(error)
    else:
        assert 1 <= len(found) <= len(table) and np.isfinite(found.poses).all()


MOVED = "1 0 0 0.1 0 1 0 0.2 0 0 1 {}"


@pytest.mark.parametrize(
    ("line", "times"),
    [
        (MOVED + " 0 0 0 1", [0, 1, 2]),  # Replica
        ("{} " + MOVED, [0, 4, 8]),  # KITTI-360
        ("{} " + MOVED + " 0 0 0 1", [0, 4, 8]),
        ("0.5{} " + MOVED + " 0 0 0 1", [0.5, 0.54, 0.58]),
    ],
)
def test_matrices_of_other_tools(tmp_path: Path, line: str, times: list[float]) -> None:
    count = line.count("{}")
    text = "\n".join(line.format(*((4 * i, i) if count == 2 else (i,))) for i in range(3))
    path = write(tmp_path, text)
    trajectory = read_trajectory(path)
    np.testing.assert_allclose(trajectory.times, times)
    np.testing.assert_allclose(trajectory.poses[:, :3, 3], [[0.1, 0.2, i] for i in range(3)])
    assert read_timed(path)[1] == (times[0] != 0)


def test_indices_select_the_times_of_images(tmp_path: Path) -> None:
    path = write(tmp_path, "\n".join(f"{4 * i} {MOVED.format(i)}" for i in range(3)))
    trajectory, clock = read_timed(path, None, np.arange(9) * 0.1)
    assert clock
    np.testing.assert_allclose(trajectory.times, [0, 0.4, 0.8])
    with pytest.raises(TrajectoryError, match="names image 8, but only 8 times"):
        read_timed(path, None, np.arange(8) * 0.1)


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"{i}.0 {POSE} # keyframe\n" for i in range(3)),
        "".join(f"{i}.0 {POSE} // keyframe\n" for i in range(3)),
        "% matlab\n" + rows(["0.0", "1.0", "2.0"]),
        "".join(",".join(f'"{field}"' for field in f"{i}.0 {POSE}".split()) + "\n" for i in range(3)),
        "# Länge\n".encode("latin-1") + rows(["0.0", "1.0", "2.0"]).encode(),
        "# t tx ty tz qx qy qz qw p11 p12\n" + "".join(f"{i}.0 {POSE} 0.1 0.2\n" for i in range(3)),  # OpenVINS
    ],
)
def test_comments_quotes_and_covariances(tmp_path: Path, text: str | bytes) -> None:
    trajectory = read_trajectory(write(tmp_path, text))
    np.testing.assert_allclose(trajectory.times, [0, 1, 2])
    np.testing.assert_array_equal(trajectory.poses[2], read_trajectory(write(tmp_path, rows(["2.0"]))).poses[0])
