"""Texts for users on recipes, layers and durations. The modules need no Streamlit or PyTorch."""
