"""Trajectories: poses, files, and odometry metrics."""
