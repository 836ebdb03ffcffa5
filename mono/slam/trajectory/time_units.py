"""Units of times: named by a header or a format, or detected from steps and size."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from mono.slam.trajectory.text_table import TextTable
from mono.slam.trajectory.trajectory import TrajectoryError

_MAX_TIME = 1e20  # nanoseconds since 1970 have 19 digits
_SLOW = 0.75  # step [s] from which on a unit is doubtful: one that is 1000 times finer gives a step of frames, too
_SLOWEST = 4.0  # step [s] above which the finer one is meant
_SHORTEST = 3.0  # length [s] of a path that is worth a file
_UPTIME = 1e6  # age [s] of a clock that starts with the device: 12 days


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


_NANO, _MICRO, _MILLI = TimeUnit(1e9, "nanoseconds"), TimeUnit(1e6, "microseconds"), TimeUnit(1e3, "milliseconds")
_SECONDS = TimeUnit(1.0, "seconds")
# Times since 1970 have 10 digits in seconds, 13 in milliseconds, 16 in microseconds and 19 in nanoseconds. With longer
# steps [s] they are those of a finer unit since the start of a device.
_SINCE_1970 = ((1e17, np.inf, _NANO), (1e14, 2.5, _MICRO), (1e11, 10.0, _MILLI))
_NAMED = re.compile(
    r"(?<![a-z])(?:times?|time[ _]?stamps?|stamps?|ts?|clock)(?:[ _]*[\[(]\s*|[ _]+(?:in |are )?)"
    r"(?:(n(?:ano)?|u|µ|μ|micro|m(?:illi)?|)s(?:ec(?:ond)?s?)?)(?![a-z])"
)
_PREFIXES = {"n": _NANO, "u": _MICRO, "µ": _MICRO, "μ": _MICRO, "mi": _MICRO, "m": _MILLI}
_NUMBERED = re.compile(
    r"^\W*(?:frame|image|index|idx)(?:[_ ]?(?:id|idx|index|number|no))?[\s,;]+(?:t|p|pos)?_?x\b", re.MULTILINE
)


def named_unit(header: str) -> TimeUnit | None:
    """Find the unit of times that a header names, as "timestamp [ns]"; frame numbers stay as they are.

    Args:
        header: in lower case.
    """
    if match := _NAMED.search(header):
        prefix = match[1]
        return _SECONDS if not prefix else _MICRO if prefix == "micro" else _PREFIXES[prefix[0]]
    if "[ns]" in header:
        return _NANO
    return _SECONDS if _NUMBERED.search(header) else None


def time_unit(times: np.ndarray) -> TimeUnit:
    """Tell the unit of times by their steps, and by their size if they count from 1970.

    Args:
        times: as stored, (N,), finite.
    """
    steps = np.abs(np.diff(times))
    steps = steps[steps > 0]
    middle, step = (float(np.median(np.abs(values))) if len(values) else 0.0 for values in (times, steps))
    for least, slowest, unit in _SINCE_1970:
        if middle >= least and step <= slowest * unit.factor:
            return unit
    span = float(np.ptp(times)) if len(times) else 0.0
    is_whole = bool((times == np.round(times)).all())
    for fine, coarse in ((_NANO, _MICRO), (_MICRO, _MILLI)):
        if step < _SLOW * coarse.factor or not (is_whole or step >= 1e4):
            continue
        if step > _SLOWEST * coarse.factor:
            return fine
        if span < _SHORTEST * fine.factor and middle < _UPTIME * coarse.factor:
            return coarse._replace(other=fine.name)
        return fine._replace(other=coarse.name)
    if step >= 1e4:
        return _MICRO
    return _milliseconds_or_numbers(times, steps, step) if is_whole and step else _SECONDS


def _milliseconds_or_numbers(times: np.ndarray, steps: np.ndarray, step: float) -> TimeUnit:
    """Tell milliseconds from whole seconds and frame numbers, which are multiples of one step or irregular."""
    may_be_1970 = float(np.median(times)) >= 9e8
    if step >= 5 and float(times.min()) >= _UPTIME and not may_be_1970:
        return _MILLI
    if bool((steps % steps.min() == 0).all()):
        return _SECONDS._replace(other=_MILLI.name if step >= 20 else "")
    is_steady = float(np.mean(np.abs(steps / step - 1) <= 0.25)) >= 0.8
    if (step >= 100 and not may_be_1970) or (step >= 15 and is_steady):
        return _MILLI._replace(other="seconds or frame numbers")
    return _SECONDS


def to_seconds(times: np.ndarray) -> np.ndarray:
    """Convert times in names of files to seconds, (N,); what may be frame numbers is left as it is."""
    unit = time_unit(times)
    return times if unit.name == _MILLI.name and unit.other else times / unit.factor


def table_times(table: TextTable, values: np.ndarray, is_euroc: bool = False, is_given: bool = False) -> np.ndarray:
    """Convert the first column of a file to seconds, and note its unit.

    Whole numbers of more than 15 digits are parsed as such, as float64 rounds nanoseconds since 1970 to 256.

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
    for i in np.flatnonzero(np.abs(values) > _MAX_TIME):
        raise TrajectoryError(f"{table.place(i)}: a time of {values[i]:.3g} is absurd; check the columns")
    named = named_unit(table.header)
    if named is None and is_euroc and is_given and bool((values == np.round(values)).all()):
        named = _NANO
    unit = named or time_unit(values)
    if is_euroc and _NANO.name in (unit.name, unit.other):
        unit = _NANO
    if unit.other:
        table.notes.append(
            f"its times are taken as {unit.name}, though they may be {unit.other}; write the unit into a first line, "
            "as '# time [ms]' ([s], [ms], [us] or [ns])"
        )
    elif unit.factor != 1.0 and not named and not is_euroc:
        table.notes.append(f"its times are taken as {unit.name}")
    if unit.factor == 1.0:
        return values
    texts = [row[0] for row in table.rows]
    exact = [
        int(t) / unit.factor if re.fullmatch("[0-9]{1,20}", t) else v / unit.factor
        for t, v in zip(texts, values, strict=True)
    ]
    return np.array(exact)
