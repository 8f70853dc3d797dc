"""The adapters of all families: importing this module enters them."""

from __future__ import annotations

import tests.torch.opinfo_elementwise
import tests.torch.opinfo_indexing
import tests.torch.opinfo_linear
import tests.torch.opinfo_losses
import tests.torch.opinfo_networks
import tests.torch.opinfo_reductions
import tests.torch.opinfo_shaping
from tests.torch.opinfo import TWINS

__all__ = ["TWINS"]
