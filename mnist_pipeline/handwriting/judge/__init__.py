"""The judge: a network that has learned what is a digit among other ink, and what is none."""
