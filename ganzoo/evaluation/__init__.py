"""Samples in, scores out. `scoring.score` runs the metrics; `builtin.METRICS` are the core's own. Imports no torch."""
