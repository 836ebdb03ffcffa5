"""Metric scale for moving cameras: trajectories, scale, reconstruction and fusion."""

from mono.slam.trajectory.files import read_trajectory, write_trajectory
from mono.slam.trajectory.trajectory import Trajectory

__all__ = ["Trajectory", "read_trajectory", "write_trajectory"]
