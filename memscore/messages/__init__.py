"""What the service and its client say to each other: the JSON bodies of the REST API, one module a resource."""
