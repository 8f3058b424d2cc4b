"""Finds the digits of any picture, without a model; `scan` has the order of the stages."""
