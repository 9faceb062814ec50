"""Streamlit components: each has a Python function, a CSS file and mostly a JavaScript file."""
