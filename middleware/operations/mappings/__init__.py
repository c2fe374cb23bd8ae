"""Mappings of fields: kept in versions, judged, tried, previewed, and given to routes."""
