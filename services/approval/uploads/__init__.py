"""Papers that arrive in pieces: an upload that a poor network breaks off goes on where it ended (tus 1.0)."""
