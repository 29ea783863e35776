"""A demo county: its people, companies and history, the planted violations, and a story to watch."""
