"""Report of an evaluation: metrics.json, the page and its charts."""
