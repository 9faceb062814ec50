"""A user's own weights, indexes, and background tasks."""
