"""Color maps, pictures and videos of depth."""
