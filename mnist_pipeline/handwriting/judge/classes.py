"""What the judge tells apart: the ten digits, other ink, and parts of digits."""

from mnist_pipeline.data.values import CLASS_NAMES

OTHER = 10  # ink that is not a digit
PART = 11  # a part of a digit, several digits, or a digit that is struck out or partly hidden
CLASSES = *CLASS_NAMES, "no digit", "part"
