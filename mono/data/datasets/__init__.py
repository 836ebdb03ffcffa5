"""From a dataset's own layout to an annotation file: a module for each dataset. Import what is needed from them."""
