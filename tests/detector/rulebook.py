"""The rulebook as it is: read and compiled once for the whole run, which takes half a second and 40 MB."""

from services.detector import rules

RULEBOOK = rules.load()
