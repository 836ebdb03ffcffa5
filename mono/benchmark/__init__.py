"""Speed of models, backends, precisions and image sizes, each measured in its own process."""
