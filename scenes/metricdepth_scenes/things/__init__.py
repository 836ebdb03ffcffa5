"""Things of real size. A piece stands on z = 0, its back is at +y, its front looks along -y."""
