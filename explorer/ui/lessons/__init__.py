"""The Lessons page: seven claims about networks, one module for each or two of them."""
