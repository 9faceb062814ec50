"""HTML reports and Python scripts for users to download. The modules do not need Streamlit."""
