"""Runs the application: server, worker processes, connections, or in this process."""
