"""Users' checkpoints, image collections and their indexes, and background tasks."""
