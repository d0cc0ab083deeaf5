"""Run folders: writing, reading, sampling."""
