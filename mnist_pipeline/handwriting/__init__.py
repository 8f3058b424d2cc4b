"""From a person's picture to an answer: pictures, recognizer, novelty."""
