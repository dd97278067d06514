"""The JSON bodies of the REST API, shared by the service and its client, with one module per resource."""
