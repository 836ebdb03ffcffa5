"""How fast this machine is: models, backends, precisions and image sizes, each measured in a process of its own."""
