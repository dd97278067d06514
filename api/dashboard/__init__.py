"""The dashboard: pages that show what the service has, drawn by the browser from the same REST calls as anyone's."""
