"""Data sets and the seeded stream of batches over them."""
