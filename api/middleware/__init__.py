"""Middleware that handles every request before a route sees it."""
