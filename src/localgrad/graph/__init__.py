"""What a graph is: Tensor, Node, Kind, Graph, Record, registry, recording (capture, NumPy protocols), errors. Knows no kind."""

from localgrad.graph import recording as _recording
from localgrad.graph.tensor import Leaf, Tensor

_recording.use_classes(Tensor, Leaf)
