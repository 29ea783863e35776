"""`make privacy`: every public byte of a simulated city looked over for what must not be public."""
