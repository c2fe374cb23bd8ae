"""The mapping of fields: a document of rules, read, judged and applied. Pure."""
