"""Back-propagation as a computation graph: see it, differentiate it, train it."""
