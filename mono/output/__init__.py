"""What is written to disk: depth files, point clouds, pictures and the manifest of a run."""
