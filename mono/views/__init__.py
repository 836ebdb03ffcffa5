"""Wide images as overlapping perspective views: their layout, cutting and merging."""
