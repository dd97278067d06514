"""Serves the metrics of this service to Prometheus."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Header, Request, Response
from prometheus_client.exposition import choose_encoder

from api.metrics import Metrics

router = APIRouter(tags=["health"])


@router.get("/metrics", operation_id="metrics", response_class=Response)
def metrics(request: Request, accept: Annotated[str, Header(include_in_schema=False)] = "") -> Response:
    """Metrics in Prometheus' text format; docs/operations.md lists them."""
    encode, media_type = choose_encoder(accept)
    return Response(encode(cast("Metrics", request.app.state.metrics).registry), media_type=media_type)
