"""One trace from a hook to the call it led to, for whoever collects traces."""
