"""Many images: one callable for data engines, and tar shards as units of work."""
