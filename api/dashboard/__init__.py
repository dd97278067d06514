"""The dashboard: pages that the browser draws from the same REST calls that any client makes."""
