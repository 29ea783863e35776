"""Policies that benefit people (惠民政策): written by one, published by another, in force for a time."""
