"""Training or evaluation: what layers that differ between the two ask, and what a trainer tells them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from localgrad.graph.context import CONTEXT, TESTING
from localgrad.graph.source import user_line
from localgrad.graph.warning import warn_once
from localgrad.layers.layer import Layer
from localgrad.layers.members import layers_of, path_of

FITTING: ContextVar[bool] = ContextVar("localgrad_fitting", default=False)


@contextmanager
def fitting(model: Layer) -> Iterator[None]:
    """Mark a block as the training of a model.

    Afterwards its modes are what they were, and its layers know they were fitted: computing with them in training mode
    warns until `train` or `eval` is called.
    """
    layers = [layer for _, layer in layers_of(model)]
    modes = [layer.training for layer in layers]
    token = FITTING.set(True)
    try:
        yield
    finally:
        FITTING.reset(token)
        for layer, mode in zip(layers, modes, strict=True):
            layer.training = mode
            layer._inside.fitted = True


class Moded(Layer):
    """A layer that computes otherwise in training than in evaluation; `training` says which, and stands on its node."""

    def is_training(self) -> bool:
        """Whether to compute as in training; warns where a fitted model is used in training mode outside of training."""
        if not self.training or TESTING.get():
            return False
        if self._inside.fitted and not FITTING.get() and CONTEXT.get().recorder is None:
            warn_once(
                "mode",
                f"{path_of(self) or type(self).__name__} ({type(self).__name__}) computes as in training{user_line()}, "
                "after the model was fitted and outside of training; call model.eval() first "
                "(or model.train() if this is meant)",
            )
        return True

    def forward(self, *inputs: Any, train_flg: bool | None = None) -> Any:
        """`call` on plain arrays (see `Layer.forward`); `train_flg`, as in the books, sets `training` first."""
        if train_flg is not None:
            self.training = bool(train_flg)
        return super().forward(*inputs)
