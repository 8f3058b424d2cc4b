"""The one seed that everything random draws from."""

import dagster as dg
from pydantic import Field


class Seed(dg.ConfigurableResource["Seed"]):
    """Reaches every random draw of the graph; the same seed on the same machine gives the same bytes."""

    value: int = Field(0, ge=0, lt=2**32, description="Seed of initial weights, splits and orders.")
