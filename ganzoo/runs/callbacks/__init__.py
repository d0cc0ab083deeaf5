"""The callbacks of every training run: log, pictures, checkpoints, scores, diagnosis."""
