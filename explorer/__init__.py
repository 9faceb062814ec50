"""The app around ``core``: command line, store and Streamlit pages."""
