"""HTTP: one module for each group of routes. Knows requests and answers; scoring and storage are behind the service."""
