"""Everything that imports Streamlit: components, and a folder a page."""
