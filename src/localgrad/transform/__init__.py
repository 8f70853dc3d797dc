"""Graph -> graph: differentiate, explicit, expand, simplify, fuse, surgery."""
