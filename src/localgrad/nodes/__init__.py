"""The catalogue: one definition per kind, by family."""
