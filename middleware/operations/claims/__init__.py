"""Claims: contacts that may be one person, waiting for somebody to say so."""
