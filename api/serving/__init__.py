"""How the application is run: server, worker processes, connections, or in this process."""
