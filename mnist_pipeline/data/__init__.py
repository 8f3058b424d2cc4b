"""Images and labels: reading and validating them, the catalogue of data sets, deformations."""
