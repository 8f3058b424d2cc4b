"""The seed of everything random in the graph."""

import dagster as dg
from pydantic import Field


class Seed(dg.ConfigurableResource["Seed"]):
    """Seeds every random draw of the graph. On the same machine, the same seed gives the same bytes."""

    value: int = Field(0, ge=0, lt=2**32, description="Seed of initial weights, splits and orders.")
