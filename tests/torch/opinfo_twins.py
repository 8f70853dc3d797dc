"""The adapters of all families: importing this module enters them."""

from __future__ import annotations

from tests.torch import (  # noqa: F401 - imported for what they enter
    opinfo_attention,
    opinfo_elementwise,
    opinfo_indexing,
    opinfo_linalg,
    opinfo_linear,
    opinfo_losses,
    opinfo_networks,
    opinfo_reductions,
    opinfo_shaping,
)
from tests.torch.opinfo import TWINS

__all__ = ["TWINS"]
