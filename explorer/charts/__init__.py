"""Plotly figures. No Streamlit."""
