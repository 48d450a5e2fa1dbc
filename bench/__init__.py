"""How much one CPU core scores, for this service and for other ways to serve the same graph."""
