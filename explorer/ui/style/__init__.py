"""The pages Style and Styles by layer."""
