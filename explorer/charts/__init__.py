"""Plotly figures and colours, without Streamlit."""
