"""The adapters of all families: importing this module enters them."""

from __future__ import annotations

from tests.torch.opinfo import TWINS

__all__ = ["TWINS"]
