"""Plugins with data of kinds that the core does not know, and games of other kinds, written as anyone would."""
