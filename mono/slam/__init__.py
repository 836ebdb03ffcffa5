"""Metres for moving cameras: trajectories, their scale, and how good they are."""

from mono.slam.trajectory import Trajectory
from mono.slam.trajectory_files import read_trajectory, write_trajectory

__all__ = ["Trajectory", "read_trajectory", "write_trajectory"]
