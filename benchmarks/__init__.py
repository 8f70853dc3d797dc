"""How fast localgrad is, beside its peers, in one run: `make bench`, `make bench-peers`."""
