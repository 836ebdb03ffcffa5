"""Camera paths from images: structure from motion and visual odometry."""
