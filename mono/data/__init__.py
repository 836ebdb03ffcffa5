"""Where images, depth maps and annotations come from. Import what is needed from the modules themselves."""
