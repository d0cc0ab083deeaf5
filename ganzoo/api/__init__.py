"""The Python API behind the command line: one file per command."""
