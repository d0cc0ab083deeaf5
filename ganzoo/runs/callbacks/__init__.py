"""What is recorded along a training run."""
