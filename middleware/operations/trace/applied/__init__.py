"""Which mapping a delivery was made by, and what it did there."""
