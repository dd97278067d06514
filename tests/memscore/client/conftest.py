"""Clients call applications of this process."""

from tests.shared_routes import routes_analysed_once

__all__ = ["routes_analysed_once"]  # a fixture
