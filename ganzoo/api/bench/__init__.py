"""Benchmarks: a grid of variants, data sets and seeds, trained and scored cell by cell, and one report of it."""
