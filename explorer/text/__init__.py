"""Words for recipes, layers and durations. No Streamlit, no torch."""
