"""Metres for moving cameras: trajectories, their scale, and how good they are."""

from mono.slam.trajectory.files import read_trajectory, write_trajectory
from mono.slam.trajectory.trajectory import Trajectory

__all__ = ["Trajectory", "read_trajectory", "write_trajectory"]
