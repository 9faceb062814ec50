"""Streamlit components: Python, CSS and JavaScript side by side."""
