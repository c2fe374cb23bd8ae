"""People in the hands of people: who is the same person, who is not, and changing one's mind."""
