"""The kinds of operations in a GraphQL request."""

from collections.abc import Set
from typing import Any

from graphql import (
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    Visitor,
    parse,
    value_from_ast_untyped,
    visit,
)
from starlette.exceptions import HTTPException

GRAPHQL = "/graphql"
MAX_DOCUMENT = 2**17  # characters, several times the longest document of the UI


def require_operations(content: Any, allowed: Set[OperationType]) -> None:
    """Refuse a request with an operation of another kind, whether `operationName` selects it or not."""
    document = content.get("query") if isinstance(content, dict) else None
    if not isinstance(document, str):
        raise HTTPException(400, "There is no GraphQL document in `query`")
    if len(document) > MAX_DOCUMENT:
        raise HTTPException(413, f"The GraphQL document is longer than {MAX_DOCUMENT:,} characters")
    try:
        definitions = parse(document, no_location=True).definitions
    except (GraphQLError, RecursionError):
        raise HTTPException(400, "The GraphQL document can't be parsed") from None
    for operation in {each.operation for each in definitions if isinstance(each, OperationDefinitionNode)} - allowed:
        raise HTTPException(403, f"A {operation.value} is not allowed here")


def log_keys(content: dict[str, Any]) -> list[list[str]]:
    """The keys of the captured logs that a document asks for; a value that is no key counts as the empty one."""
    found: list[Any] = []
    variables = content.get("variables") or {}
    if not isinstance(variables, dict):
        return [[]]

    class Fields(Visitor):
        def enter_field(self, node: FieldNode, *_: Any) -> None:
            if node.name.value == "capturedLogs":
                found.extend(
                    value_from_ast_untyped(argument.value, variables)
                    for argument in node.arguments
                    if argument.name.value == "logKey"
                )

    visit(parse(content["query"], no_location=True), Fields())
    return [key if isinstance(key, list) and all(isinstance(part, str) for part in key) else [] for key in found]
