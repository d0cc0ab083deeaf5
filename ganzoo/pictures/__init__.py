"""Sheets, plots and tables."""
