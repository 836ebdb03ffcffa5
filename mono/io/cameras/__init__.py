"""Camera files: intrinsics and lenses of any common kind."""
