"""Color maps, images of depth and normals, depth videos and their smoothing."""
