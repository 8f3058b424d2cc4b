"""Pages of the web server: Jinja templates whose inline styles and scripts a nonce allows."""

import secrets
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response
from starlette.templating import Jinja2Templates

# The style of the drawing page has the colours of the report.
LOADER = ChoiceLoader([PackageLoader(__package__, "."), PackageLoader("mnist_pipeline.report")])
ENVIRONMENT = Environment(loader=LOADER, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
TEMPLATES = Jinja2Templates(env=ENVIRONMENT)


def respond(request: Request, name: str, policy: str, context: dict[str, Any], status: int = 200) -> Response:
    """Render a template under a content security policy, in which `{nonce}` becomes a new nonce."""
    nonce = secrets.token_urlsafe(16)
    headers = {"Content-Security-Policy": policy.format(nonce=nonce), "Cache-Control": "no-store"}
    return TEMPLATES.TemplateResponse(request, name, {**context, "nonce": nonce}, status, headers)
