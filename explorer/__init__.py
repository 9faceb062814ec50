"""The application around ``core``: command line, store, job queue and Streamlit pages."""
