"""Assets called as functions, on the stored values that the environment names."""

import inspect
from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets.definitions import defs
from mnist_pipeline import read
from mnist_pipeline.runtime.graph.resources import Seed

ASSETS = {
    asset.key.to_user_string(): asset
    for asset in defs.assets or ()
    if isinstance(asset, dg.AssetsDefinition)
}


def call(
    key: str,
    *,
    context: dg.AssetExecutionContext | None = None,
    config: Mapping[str, Any] | None = None,
    seed: int = 0,
    **given: Any,
) -> dg.MaterializeResult[Any]:
    """Call an asset on stored inputs, except for those given by the key of the asset they come
    from.
    """
    asset = ASSETS[key]
    parameters = inspect.signature(asset.op.compute_fn.decorated_fn).parameters  # type: ignore[union-attr]
    inputs = {
        name: resource for name, resource in (defs.resources or {}).items() if name in parameters
    }
    for name, upstream in asset.keys_by_input_name.items():
        if not asset.op.input_dict[name].dagster_type.is_nothing:
            source = upstream.to_user_string()
            inputs[name] = given.pop(source) if source in given else read(source)
    assert not given, f"{key} does not read {', '.join(given)}"
    if "config" in parameters:
        inputs["config"] = parameters["config"].annotation(**(config or {}))
    if "mnist_seed" in parameters:
        inputs["mnist_seed"] = Seed(value=seed)
    return asset(context, **inputs) if context and "context" in parameters else asset(**inputs)
