"""Export models as single files: image and intrinsics in, metres out."""
