"""Values for fields: what a mapping makes of a message, written to the CRM's cards."""
