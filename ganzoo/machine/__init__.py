"""Devices, ranks, memory and signals."""
