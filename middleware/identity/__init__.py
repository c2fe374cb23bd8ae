"""Who is this in the CRM: matching, creating, following."""
