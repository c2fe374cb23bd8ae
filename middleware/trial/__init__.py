"""Days played on emulators: the demo, chaos, and the verdict over both."""
