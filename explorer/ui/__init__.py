"""All modules that import Streamlit: shared components, and one subpackage for each page."""
