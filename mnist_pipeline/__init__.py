"""The methods: plain functions and small classes over arrays, free of Dagster."""
