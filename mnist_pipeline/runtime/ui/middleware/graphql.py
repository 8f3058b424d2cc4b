"""The kinds of operations in a GraphQL request."""

from collections.abc import Set
from typing import Any

from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse
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
