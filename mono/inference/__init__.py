"""Load models and predict metric depth with them."""
