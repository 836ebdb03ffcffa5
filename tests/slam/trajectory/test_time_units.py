"""Units of times: by header, by format, by steps; and what is said where two fit."""

import math
from pathlib import Path

import numpy as np
import pytest

from mono.slam import read_trajectory
from mono.slam.trajectory.files import file_format, read_times, write_trajectory
from mono.slam.trajectory.time_units import named_unit, time_unit, to_seconds

FACTORS = {"nanoseconds": 1e9, "microseconds": 1e6, "milliseconds": 1e3}
EUROC = "#timestamp [ns],p_x [m],p_y [m],p_z [m],q_w,q_x,q_y,q_z\n"


def write(folder: Path, times: list[str], header: str = "", pose: str = "1 2 3 0 0 0 1", comma: bool = False) -> Path:
    path = folder / "path.txt"
    lines = [" ".join([t, *pose.split()]) for t in times]
    text = "\n".join(line.replace(" ", ",") if comma else line for line in lines)
    path.write_text(header + text + "\n")
    return path


@pytest.mark.parametrize("unit", FACTORS)
@pytest.mark.parametrize("start", [0, 50, 150, 3600, 108000, 2e6, 1403636579])
@pytest.mark.parametrize("rate", [9.7, 30, 59.94])
def test_clocks_of_any_start(tmp_path, caplog, unit, start, rate) -> None:
    seconds = start + np.arange(300) / rate
    texts = [str(round(t * FACTORS[unit])) for t in seconds.tolist()]
    with caplog.at_level("INFO", "mono"):
        found = read_trajectory(write(tmp_path, texts))
    np.testing.assert_allclose(found.times, seconds, atol=0.6e-3 if unit == "milliseconds" else 1e-6)
    assert f"its times are taken as {unit}" in caplog.text


@pytest.mark.parametrize("start", [0, 3600, 1403636579])
def test_seconds_stay_seconds(tmp_path, caplog, start) -> None:
    for step in (0.005, 1 / 30, 2.5, 40.3):
        seconds = start + np.arange(1, 100) * step
        found = read_trajectory(write(tmp_path, [f"{t:.9f}" for t in seconds]))
        np.testing.assert_allclose(found.times, seconds, atol=1e-6)
    assert not caplog.records


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("#timestamp [ns],p_x [m]", "nanoseconds"),
        ("# time(us) tx ty tz", "microseconds"),
        ("# timestamp_ns tx ty tz", "nanoseconds"),
        ("# time in milliseconds since boot", "milliseconds"),
        ("# t [\u00b5s] x y z", "microseconds"),
        ("# time [sec] tx ty", "seconds"),
        ("ros_time_ms,x,y,z", "milliseconds"),
        ("frame,tx,ty,tz,qw,qx,qy,qz", "seconds"),
        ("# frame_id x y z", "seconds"),
        ("# timestamp tx ty tz qx qy qz qw", None),
        ("# times tx ty tz", None),
        ("# time since start", None),
        ("# frame: world", None),
        ("# t speed [m/s]", None),
        ("# the ns-3 simulator", None),
        ("# my slam 1.2, median tracking time [ms]: 23.1\n# timestamp tx ty tz", None),
        ("# exposure time (us): 8000", None),
        ("# time (ms): 23.1", None),
        ("# exposure time (us): 8000\n# time[s] tx ty tz", "seconds"),
    ],
)
def test_units_that_headers_name(header: str, name: str | None) -> None:
    found = named_unit(header, np.arange(20.0))
    assert (found and found.name) == name


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("# my SLAM 1.2, median tracking time [ms]: 23.1\n# timestamp tx ty tz qx qy qz qw\n", 1),
        ("# exposure time (us): 8000\n", 1),
        ("# time [ms]\n", 1),
        ("# time [us]\n", 1),
        ("# time [s]\n", 1e9),
        ("# frame tx ty tz qx qy qz qw\n", 1e9),
        ("# image tx ty tz qx qy qz qw\n", 1e9),
        ("# frame tx ty tz qx qy qz qw\n", 1e6),
        ("# frame tx ty tz qx qy qz qw\n", 1e3),
    ],
)
def test_headers_of_something_else_do_not_change_times_since_1970(tmp_path, header, unit) -> None:
    times = 1.7e9 + np.arange(50) / 30
    texts = [f"{t:.4f}" if unit == 1 else str(round(t * unit)) for t in times.tolist()]
    found = read_trajectory(write(tmp_path, texts, header)).times
    assert found[0] == 1.7e9 and found[-1] - found[0] == pytest.approx(49 / 30, abs=1e-3)
    if unit == 1e9:  # since the start of a device
        texts = [str(round(t * unit)) for t in (times - 1.7e9 + 3600).tolist()]
        found = read_trajectory(write(tmp_path, texts, "# frame tx ty tz qx qy qz qw\n")).times
        assert found[0] == 3600 and found[-1] == pytest.approx(3600 + 49 / 30, abs=1e-6)


@pytest.mark.parametrize(
    ("unit", "steps"),
    [(1, (1, 15, 20, 60, 300)), (1e3, (0.033, 1, 5, 15, 60, 300)), (1e6, (0.033, 1, 3, 5, 60)), (1e9, (0.033, 5, 60))],
)
def test_slow_times_since_1970_keep_their_unit(tmp_path, caplog, unit, steps) -> None:
    for step in steps:
        jitter = np.random.default_rng(0).uniform(0.9, 1.1, 200)
        times = np.round(1.7e9 * unit + np.cumsum(np.maximum(np.round(step * unit * jitter), 1)))
        found = read_trajectory(write(tmp_path, [f"{t:.0f}" for t in times])).times
        np.testing.assert_allclose(found, times / unit, atol=1e-6)
        if unit == 1:
            assert read_trajectory(write(tmp_path, [f"{t:.1f}" for t in times])).times.tolist() == times.tolist()
    assert "though they may be" not in caplog.text


def test_a_header_may_name_a_long_uptime(tmp_path) -> None:
    for unit, name in ((1e9, "ns"), (1e6, "us"), (1e3, "ms")):  # 17 days: the values could count from 1970, too
        texts = [str(round((1.5e6 + i / 30) * unit)) for i in range(50)]
        found = read_trajectory(write(tmp_path, texts, f"# time [{name}] tx ty tz\n")).times
        np.testing.assert_allclose(found, 1.5e6 + np.arange(50) / 30, atol=6e-4)


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)])
def test_a_header_wins_over_values(tmp_path, caplog, unit, factor) -> None:
    for step in (1, 33, 1000, 1000000, 2000000):
        texts = [str(step * i) for i in range(50)]
        found = read_trajectory(write(tmp_path, texts, f"# time [{unit}] tx ty tz qx qy qz qw\n"))
        np.testing.assert_allclose(found.times, np.arange(50) * step / factor)
        np.testing.assert_allclose(read_times(tmp_path / "path.txt"), np.arange(50) * step / factor)
    assert not caplog.records


@pytest.mark.parametrize("start", [0, 3600033333333, 108000033333333, 1403636579763555584])
@pytest.mark.parametrize("step", [1000000, 5000000, 33333333, 3000000000])
def test_euroc_comes_back_as_it_was(tmp_path, caplog, start, step) -> None:
    texts = [str(start + step * i) for i in range(50)]
    path = write(tmp_path, texts, EUROC, "1 2 3 1 0 0 0", comma=True)
    write_trajectory(tmp_path / "again.csv", read_trajectory(path), "euroc")
    again = [line.split(",")[0] for line in (tmp_path / "again.csv").read_text().splitlines()[1:]]
    if start < 1e18:
        assert again == texts
    else:  # float64 seconds hold 0.2 us
        assert max(abs(int(a) - int(b)) for a, b in zip(again, texts, strict=True)) <= 256
    without = write(tmp_path, texts, "", "1 2 3 1 0 0 0", comma=True)
    np.testing.assert_allclose(np.diff(read_trajectory(without, "euroc").times), step / 1e9, atol=6e-7)
    assert not caplog.records


def test_frame_numbers_with_the_scalar_first_are_no_nanoseconds(tmp_path) -> None:
    for header in ("frame,tx,ty,tz,qw,qx,qy,qz\n", "time,tx,ty,tz,qw,qx,qy,qz\n"):
        path = write(tmp_path, [str(i) for i in range(9)], header, "1 2 3 1 0 0 0", comma=True)
        assert file_format(path) == "euroc" and read_trajectory(path).times.tolist() == list(range(9))


@pytest.mark.parametrize(
    ("times", "assumed", "other"),
    [
        (np.arange(400) * 2e6, "microseconds", "nanoseconds"),
        (np.arange(20000) * 1e6, "nanoseconds", "microseconds"),
        (3.6e12 + np.arange(400) * 1e6, "nanoseconds", "microseconds"),
        (np.arange(3600) * 1e6, "microseconds", "nanoseconds"),  # one a second, for an hour
        (np.arange(3600) * 1e3, "milliseconds", "microseconds"),
        (np.arange(100) * 1e3, "milliseconds", "microseconds"),
        (np.arange(0, 9000, 50.0), "seconds", "milliseconds"),
        (np.round(np.arange(90) * 100 / 3), "milliseconds", "seconds or frame numbers"),
    ],
)
def test_doubtful_units_are_said(tmp_path, caplog, times, assumed, other) -> None:
    assert time_unit(times)[1:] == (assumed, other)
    read_trajectory(write(tmp_path, [f"{t:.0f}" for t in times]))
    assert (
        f"its times are taken as {assumed}, though they may be {other}; write the unit into a first line" in caplog.text
    )


def test_numbers_of_frames_are_left(caplog) -> None:
    rng = np.random.default_rng(0)
    for numbers in (np.arange(500.0), np.arange(0, 500.0, 7), np.cumsum(rng.integers(1, 20, 200)).astype(float)):
        assert time_unit(numbers) == (1.0, "seconds", "")
    names = np.round(np.arange(90) * 100 / 3)
    assert to_seconds(names).tolist() == names.tolist()  # of files: as doubtful as above
    assert to_seconds(names, names[::3] / 1e3).tolist() == (names / 1e3).tolist()
    assert to_seconds(names, names[::3]).tolist() == names.tolist()
    keyframes = np.cumsum(rng.integers(17, 24, 30)).astype(float)
    assert time_unit(keyframes) == (1.0, "seconds", "milliseconds")
    assert to_seconds(np.arange(607.0), keyframes).tolist() == list(range(607))
    assert math.isclose(to_seconds(3.6e12 + np.arange(9) * 33333333.0)[0], 3600)
