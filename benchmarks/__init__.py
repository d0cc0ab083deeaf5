"""One script per claim in the docs; each prints its numbers and writes them to benchmarks/results/."""
