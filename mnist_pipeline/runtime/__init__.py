"""What Dagster needs from this project."""
