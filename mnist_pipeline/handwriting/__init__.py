"""From a person's picture to an answer: the finder, the recognizer, its doubt, and novelty."""
