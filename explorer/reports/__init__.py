"""HTML reports and Python scripts, without Streamlit."""
