"""Boxes and arrows get places: layered from top to bottom, each group laid out for itself and then a box in its parent.

The method is Sugiyama, Tagawa and Toda's (1981): ranks, then an order within each rank that avoids crossings, then
positions that keep long edges straight.
"""

from localgrad.show.layout.nested import Layout, PlacedBox, PlacedEdge, PlacedGroup, lay_out

__all__ = ["Layout", "PlacedBox", "PlacedEdge", "PlacedGroup", "lay_out"]
