"""Commands that render the pictures that ship with the project."""
