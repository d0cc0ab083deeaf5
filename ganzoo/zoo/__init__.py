"""Plugins and what they register."""
