"""Synthetic pictures for tests and benchmarks; they share no code with what reads pictures."""
