"""Files on their way through the hub: kept, named, and served to a CRM that fetches them."""
