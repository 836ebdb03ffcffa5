"""Models as single files: photo and intrinsics in, metres out; written, checked and run."""
