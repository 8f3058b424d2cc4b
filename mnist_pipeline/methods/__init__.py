"""The methods: plain functions and small classes over arrays, and the table of models."""
