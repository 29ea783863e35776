"""The text of scanned papers, compared with the forms they belong to; offered, never trusted silently."""
