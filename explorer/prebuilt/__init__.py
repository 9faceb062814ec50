"""The pictures that ship with the project, and the commands that make them."""
