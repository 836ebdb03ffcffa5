"""Web app on this machine: depth, clouds and measurements of photos, in a browser and over HTTP."""
