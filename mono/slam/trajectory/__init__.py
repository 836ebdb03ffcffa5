"""Trajectories: poses, files and comparison."""
