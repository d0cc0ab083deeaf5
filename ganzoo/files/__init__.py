"""Files that are complete or absent, locks, checkpoints."""
