"""Side-by-side measurements; nothing in the project imports them."""
