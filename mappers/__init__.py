"""What is said and how it is translated: the shared vocabulary and the mapping engine. Pure."""
