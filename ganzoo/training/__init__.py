"""The trainer, and one update of one player."""
