"""Values that wait because the CRM lost the field that a mapping writes them to."""
