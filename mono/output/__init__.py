"""What is written to disk: depth and normal files, point clouds, pictures and the manifest of a run."""
