"""The benchmark: the hub, its peers and the machine's own limits, measured side by side."""
