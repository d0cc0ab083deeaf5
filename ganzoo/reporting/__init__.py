"""A page about one run or several: what it says, and how it is written as HTML."""
