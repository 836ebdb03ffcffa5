"""What predictions are worth: protocols, alignments, metrics. Knows of arrays only."""
