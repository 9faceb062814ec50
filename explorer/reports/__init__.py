"""HTML reports and Python scripts. No Streamlit."""
