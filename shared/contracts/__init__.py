"""The events that pass between services, one file a publisher. Nothing else may pass between them."""
