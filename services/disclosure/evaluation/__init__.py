"""The political-ecology evaluation: what a village's or town's quarter is worth, explained down to its records."""
