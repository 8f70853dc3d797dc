"""What recording depends on besides its inputs: capture, no_grad, scope and watchers, local to thread and task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from localgrad.graph.capturing import Recorder
    from localgrad.graph.node import Node

Watcher = Any
"""An object with the methods of those in `graph.watching`."""


class Context:
    """One immutable setting of everything recording depends on."""

    __slots__ = ("differentiating", "enabled", "plain", "recorder", "scope", "site", "tagger", "watchers")

    def __init__(
        self,
        scope: str = "",
        enabled: bool = True,
        recorder: Recorder | None = None,
        watchers: tuple[Watcher, ...] = (),
        tagger: Callable[[Node], None] | None = None,
        site: tuple[Any, int] | None = None,
    ) -> None:
        self.scope = scope
        self.enabled = enabled
        self.recorder = recorder
        self.watchers = watchers
        self.tagger = tagger
        self.site = site
        self.plain = enabled and recorder is None and not watchers and tagger is None and site is None

    def but(self, **changes: Any) -> Context:
        """This context with some fields changed."""
        fields: dict[str, Any] = {
            "scope": self.scope,
            "enabled": self.enabled,
            "recorder": self.recorder,
            "watchers": self.watchers,
            "tagger": self.tagger,
            "site": self.site,
        }
        fields.update(changes)
        return Context(**fields)


CONTEXT: Final[ContextVar[Context]] = ContextVar("localgrad", default=Context())  # noqa: B039 - Context is immutable


@contextmanager
def using(**changes: Any) -> Iterator[Context]:
    """Run a block under the current context with some fields changed."""
    context = CONTEXT.get().but(**changes)
    token = CONTEXT.set(context)
    try:
        yield context
    finally:
        CONTEXT.reset(token)


@contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording nodes: results have no history, and parameters may be written in place.

    >>> import localgrad as lg
    >>> W = lg.parameter([1.0, 2.0], name="W")
    >>> with lg.no_grad():
    ...     y = W * 2
    >>> y.node is None, y.requires_grad
    (True, False)
    """
    with using(enabled=False):
        yield


TESTING: Final[ContextVar[bool]] = ContextVar("localgrad_testing", default=False)
"""Whether what differs between training and evaluation computes as in evaluation, whatever its own mode is."""


@contextmanager
def test_mode() -> Iterator[None]:
    """Compute as in evaluation inside a block: dropout passes everything on, batch normalization uses running statistics.

    It holds for `lg.dropout` and for all layers, whatever `model.train()` and `model.eval()` have said; those modes are
    what they were afterwards. Gradients flow as ever (see `no_grad`).

    >>> import localgrad as lg
    >>> with lg.test_mode():
    ...     y = lg.dropout([1.0, 2.0])
    >>> y.data
    array([1., 2.], dtype=float32)
    """
    token = TESTING.set(True)
    try:
        yield
    finally:
        TESTING.reset(token)


test_mode.__test__ = False  # type: ignore[attr-defined]  # its name would make pytest take it for a test


@contextmanager
def scope(name: str) -> Iterator[str]:
    """Put the nodes recorded in a block under the layer path `name` (below the current one).

    >>> import localgrad as lg
    >>> with lg.scope("encoder"):
    ...     y = lg.exp(lg.tensor(1.0))
    >>> y.node.scope
    'encoder'
    """
    outer = CONTEXT.get().scope
    path = f"{outer}/{name}" if outer else name
    with using(scope=path):
        yield path


def recording_enabled() -> bool:
    """Whether computing with tensors records nodes now (False inside `no_grad`)."""
    return CONTEXT.get().enabled
