"""What a step says of parameters without a new gradient, and of parameters that no optimizer or two take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from localgrad.graph.errors import GradientError
from localgrad.graph.history import History
from localgrad.graph.source import user_line
from localgrad.graph.tensor import Leaf
from localgrad.graph.warning import warn_once
from localgrad.transform.backward import last_outputs
from localgrad.transform.path import Paths

if TYPE_CHECKING:
    from localgrad.train.optimizer import Optimizer

LISTED: Final = 8


class Reported:
    """What an optimizer has been told already."""

    def __init__(self) -> None:
        self.missing: dict[int, Leaf] = {}
        self.judged: dict[int, Leaf] = {}
        self.postponed = False


def report_missing(optimizer: Optimizer, absent: Sequence[tuple[str, Leaf]], some: bool, reported: Reported) -> None:
    """Raise where no parameter has a new gradient (or the optimizer is strict); else warn, once for each of them."""
    title = type(optimizer).__name__
    if some and optimizer.missing == "skip":
        return
    if some and optimizer.missing == "warn":
        untold = [(name, leaf) for name, leaf in absent if id(leaf) not in reported.missing]
        if untold:
            reported.missing.update({id(leaf): leaf for _, leaf in untold})
            warn_once(
                f"missing {id(optimizer)} {untold[0][0]}",
                f"{title}.step{user_line()} left {_count(untold)} as they were, without a new gradient:"
                f'{_listed(untold)}\ndo: freeze them (requires_grad=False), or give the optimizer missing="skip" '
                "if this is meant",
            )
        return
    used = all(leaf._grad is not None and leaf._pass < 0 for _, leaf in absent)
    never = all(leaf._grad is None for _, leaf in absent) and not last_outputs()
    found = "some parameters have no new gradient" if some else "no parameter has a new gradient"
    cure = "call loss.backward() before each step"
    if used and not some:
        cure = "compute the loss anew and call backward() before each step; a gradient is used once"
    elif never and not some:
        cure = "call loss.backward() first, on a loss computed from these parameters"
    raise GradientError(
        f"{title}.step was to change {_count(absent)}{user_line()}\nfound: {found}, so nothing was changed"
        f"{_listed(absent)}\ndo: {cure}"
    )


def report_unclaimed(optimizer: Optimizer, everyone: Iterable[Optimizer], reported: Reported) -> bool:
    """Warn of parameters that stand in two optimizers, and of those with a gradient that stand in none.

    Gives whether the second could be judged: another optimizer that has not stepped yet may be about to take them.
    """
    others = [each for each in everyone if each is not optimizer]
    for entry in optimizer.entries():
        if id(entry.leaf) in reported.judged:
            continue
        reported.judged[id(entry.leaf)] = entry.leaf
        for other in others:
            if other.has(entry.leaf):
                warn_once(
                    f"two {entry.name}",
                    f"`{entry.name}` stands in two optimizers{user_line()}: this {type(optimizer).__name__} and a "
                    f"{type(other).__name__} that changed it before; each keeps states that the other's steps falsify. "
                    "Give each parameter to one optimizer, or delete the old one",
                )
                break
    if any(not other.entries() for other in others) and not reported.postponed:
        reported.postponed = True
        return False
    own = [entry.leaf._pass for entry in optimizer.entries()]
    unclaimed: list[str] = []
    outputs = last_outputs()
    if outputs:
        history = History.of(outputs)
        unclaimed = [
            history.names()[id(leaf)]
            for leaf in history.leaves
            if isinstance(leaf, Leaf)
            and (leaf.role, leaf.requires_grad) == ("parameter", True)
            and leaf._grad is not None
            and leaf._pass in own
            and not any(each.has(leaf) for each in (optimizer, *others))
        ]
    if unclaimed:
        more = f" and {len(unclaimed) - LISTED} more" if len(unclaimed) > LISTED else ""
        names = ", ".join(f"`{name}`" for name in unclaimed[:LISTED])
        warn_once(
            f"unclaimed {unclaimed[0]}",
            f"{names}{more} received a gradient and stand in no optimizer{user_line()}, so they are not learnt; "
            "give them to step(...) as well, or freeze them (requires_grad=False)",
        )
    return True


def _count(named: Sequence[tuple[str, Leaf]]) -> str:
    return f"`{named[0][0]}`" if len(named) == 1 else f"{len(named)} parameters"


def _listed(absent: Sequence[tuple[str, Leaf]]) -> str:
    outputs = last_outputs()
    paths = Paths(outputs) if outputs else None
    lines = [f"\n  `{name}`: {_reason(leaf, paths)}" for name, leaf in absent[:LISTED]]
    return "".join(lines) + (f"\n  and {len(absent) - LISTED} more" if len(absent) > LISTED else "")


def _reason(leaf: Leaf, paths: Paths | None) -> str:
    if leaf._grad is not None:
        return "its gradient " + ("was used by a step already" if leaf._pass < 0 else "is left from an older backward")
    reason = paths.reason(leaf) if paths is not None else ""
    return "it has received no gradient" + (f": {reason}" if reason else "")
