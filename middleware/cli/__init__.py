"""`threadline`: the hub on the command line, for whoever runs it."""
