"""Claims of GAN papers, one file each: `measure` trains and returns numbers, `draw` turns these into a figure."""
