"""Benchmarks: a grid of variants, data sets and seeds, trained and scored cell by cell, and a report on it."""
