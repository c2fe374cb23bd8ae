"""CRMs: one contract, one adapter and one emulator each."""
