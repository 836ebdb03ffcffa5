"""Units of times: named by a header or a format, or detected from size and steps."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from mono.slam.trajectory.text_table import TextTable
from mono.slam.trajectory.trajectory import TrajectoryError

_SLOW = 0.75  # step [s] from which on a unit is doubtful: one that is 1000 times finer gives a step of frames, too
_SLOWEST = 4.0  # step [s] above which the finer one is meant
_SHORTEST = 4.0  # length [s] of a path that is worth a file; an hour in the coarser unit is shorter
_UPTIME = 1e6  # age [s] of a clock that starts with the device: 12 days
_SINCE_1970 = (9e8, 2e9)  # [s]: 1998 to 2033
_PAUSE = 600.0  # longest step [s] of times since 1970; with a longer one they are finer ones since a device's start
_FASTEST = 5e-4  # shortest step [s] that is believed of a unit that a header names


class TimeUnit(NamedTuple):
    """Unit of times.

    Attributes:
        factor: units per second.
        name: name of the unit.
        other: name of a unit that fits the values nearly as well; "" if there is none.
    """

    factor: float
    name: str
    other: str = ""


_NANO, _MICRO = TimeUnit(1e9, "nanoseconds"), TimeUnit(1e6, "microseconds")
_MILLI, _SECONDS = TimeUnit(1e3, "milliseconds"), TimeUnit(1.0, "seconds")
# The column line of a file, which begins with the time or the number of a frame; other comments have units, too.
_NAMED = re.compile(
    r"(?m)^\W*(?:[a-z]+_)?(?:times?|time[ _]?stamps?|stamps?|ts?|clock)(?:[ _]*[\[(]\s*|[ _]+(?:in |are )?)"
    r"(?:(n|nano)|(u|µ|μ|micro)|(m|milli)|)s(?:ec(?:ond)?s?)?(?![a-z]|[\])\s]*[:=])"
)
_NUMBERED = re.compile(r"(?m)^\W*(?:frame|image|index|idx)(?:[_ ]?(?:id|idx|index|number|no))?[\s,;]+(?:t|p|pos)?_?x\b")


def named_unit(header: str, times: np.ndarray) -> TimeUnit | None:
    """Find the unit that a header names, as "timestamp [ns]"; frame numbers are seconds.

    Args:
        header: in lower case.
        times: as stored, (N,); a unit that contradicts them is passed over.
    """
    middle, step = _sizes(times)
    if match := _NAMED.search(header):
        unit = (_SECONDS, _NANO, _MICRO, _MILLI)[match.lastindex or 0]
        is_odd = middle >= _SINCE_1970[1] * unit.factor or 0 < step < _FASTEST * unit.factor
        return None if is_odd and _unit_since_1970(middle, step) else unit
    return _SECONDS if _NUMBERED.search(header) and middle < 1e7 and step < 1e4 else None


def _sizes(times: np.ndarray) -> list[float]:
    """Return the medians of times and of their steps, without sign."""
    steps = np.diff(times)
    return [float(np.median(np.abs(v))) if len(v) else 0.0 for v in (times, steps[steps != 0])]


def _unit_since_1970(middle: float, step: float) -> TimeUnit | None:
    """Find the unit in which times count from 1970."""
    (least, most), units = _SINCE_1970, (_NANO, _MICRO, _MILLI, _SECONDS)
    fitting = [u for u in units if least <= middle / u.factor < most and step <= _PAUSE * u.factor]
    return fitting[0] if fitting else None


def time_unit(times: np.ndarray) -> TimeUnit:
    """Tell the unit of times by their size and steps; numbers of frames are seconds.

    Args:
        times: as stored, (N,), finite.
    """
    middle, step = _sizes(times)
    if unit := _unit_since_1970(middle, step):
        return unit
    is_whole = bool((times == np.round(times)).all())
    for fine, coarse in ((_NANO, _MICRO), (_MICRO, _MILLI)):
        if step < _SLOW * coarse.factor or not (is_whole or step >= 1e4):
            continue
        if step > _SLOWEST * coarse.factor:
            return fine
        if np.ptp(times) < _SHORTEST * fine.factor and middle < _UPTIME * coarse.factor:
            return coarse._replace(other=fine.name)
        return fine._replace(other=coarse.name)
    if step >= 1e4:
        return _MICRO
    if is_whole and step >= 5 and times.min() >= 1e6:  # frames are not that many
        return _MILLI
    if is_whole and step >= 15 and len(times) > 9 and np.ptp(np.diff(times)) == 1:  # a constant rate, rounded
        return _MILLI._replace(other="seconds or frame numbers")
    return _SECONDS._replace(other=_MILLI.name if is_whole and step >= 20 else "")


def to_seconds(times: np.ndarray, poses: np.ndarray | None = None) -> np.ndarray:
    """Convert times in names of files to seconds.

    Args:
        times: as named, (N,); what may be frame numbers is left as it is.
        poses: times of a trajectory; where it has the numbers of the names, its unit is taken.
    """
    for factor in (1.0, 1e3):
        if poses is not None and np.isin(np.round(poses * factor, 6), times).mean() >= 0.9:
            return times / factor
    unit = time_unit(times)
    return times if unit.name == _MILLI.name and unit.other else times / unit.factor


def table_times(table: TextTable, values: np.ndarray, is_euroc: bool = False, is_given: bool = False) -> np.ndarray:
    """Convert the first column of a file to seconds, and note its unit.

    Args:
        table: the file's lines.
        values: the first column, (N,).
        is_euroc: the file is of EuRoC's format, which has nanoseconds where that is possible.
        is_given: the user says so, and whole numbers are nanoseconds unless a header names another unit.

    Returns:
        Times [s], (N,).

    Raises:
        TrajectoryError: a time is absurdly large.
    """
    for i in np.flatnonzero(np.abs(values) > 1e20):  # nanoseconds since 1970 have 19 digits
        raise TrajectoryError(f"{table.place(i)}: a time of {values[i]:.3g} is absurd; check the columns")
    named = named_unit(table.header, values)
    unit = named or time_unit(values)
    is_whole = bool((values == np.round(values)).all())
    if is_euroc and (_NANO.name in (unit.name, unit.other) or (is_given and is_whole and not named)):
        unit = _NANO
    if unit.other:
        remedy = "write the unit into a first line, as '# time [ms]' ([s], [ms], [us] or [ns])"
        table.notes.append(f"its times are taken as {unit.name}, though they may be {unit.other}; {remedy}")
    elif unit.factor != 1.0 and not named and not is_euroc:
        table.notes.append(f"its times are taken as {unit.name}")
    if unit.factor == 1.0:
        return values
    # Whole numbers are parsed as such, as float64 rounds nanoseconds since 1970 to 256.
    texts = (row[0] for row in table.rows)
    exact = (int(t) if re.fullmatch("[0-9]{1,20}", t) else v for t, v in zip(texts, values.tolist(), strict=True))
    return np.array([value / unit.factor for value in exact])
