"""How good the models are: scores, the champion, robustness, experiments."""
