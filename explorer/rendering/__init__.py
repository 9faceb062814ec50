"""From a recipe to encoded PNGs with metadata, and replay. It knows no queue."""
