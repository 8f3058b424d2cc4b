"""What assets need besides their inputs."""

import dagster as dg
import pytest

from mnist_pipeline.runtime.graph.resources import LOCATION, Seed


@pytest.mark.parametrize(("configured", "expected"), [(None, 5), (0, 0), (7, 7)])
def test_a_configured_seed_also_0_comes_before_that_of_the_instance(configured, expected, instance):
    numbers = []

    @dg.asset(metadata={LOCATION: {"seed": 5}})
    def drawn(mnist_seed: Seed) -> None:
        numbers.append(mnist_seed.number)

    dg.materialize([drawn], instance=instance, resources={"mnist_seed": Seed(value=configured)})
    assert numbers == [expected]
