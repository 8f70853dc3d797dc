"""Every exception of localgrad, as one tree.

LocalgradError
├── ShapeError (ValueError)          sizes or ranks that do not fit
│   └── IndexRangeError (IndexError)     an index outside of its axis
├── DTypeError (TypeError)           element types that do not fit, or have no gradient
├── GradientError                    a gradient that is wrong, stale or impossible
│   ├── DetachedError                no path to anything that requires a gradient
│   ├── ReadOnlyError (ValueError)       a write into a value that a node made
│   └── MissingRuleError (NotImplementedError)   a kind without a backward rule, or a NumPy function without a kind
├── LinearAlgebraError (numpy.linalg.LinAlgError) a matrix that has no inverse, no Cholesky factor, ...
├── NonFiniteError (ArithmeticError) the first NaN or infinity, with its node
├── CaptureError (TypeError)         a value was read where only shapes are known
├── InputsError (TypeError)          inputs a layer's `call` does not take
├── NameLookupError (KeyError)       no tensor, kind or field of that name
├── DataError (ValueError)           training data or labels that cannot be used
├── ImportModelError (ValueError)    a model file that cannot be read
├── CheckpointError (ValueError)     a checkpoint that is damaged or belongs to another model
└── FileWriteError (OSError)         a file that cannot be written

LocalgradWarning (UserWarning)       something allowed that is probably not meant
"""

from __future__ import annotations

from numpy.linalg import LinAlgError


class LocalgradError(Exception):
    """Base of every error localgrad raises on purpose."""


class ShapeError(LocalgradError, ValueError):
    """Sizes or ranks that do not fit together."""


class IndexRangeError(ShapeError, IndexError):
    """An index outside of its axis; also an IndexError, with which Python's loops over sequences end."""


class DTypeError(LocalgradError, TypeError):
    """Element types that do not fit together, or that have no gradient."""


class GradientError(LocalgradError):
    """A gradient that is wrong, stale or impossible."""


class DetachedError(GradientError):
    """No path leads from the output to anything that requires a gradient."""


class ReadOnlyError(GradientError, ValueError):
    """A value that a node made was to be written, which would falsify gradients; NumPy's own is a ValueError, too."""


class MissingRuleError(GradientError, NotImplementedError):
    """A kind has no backward rule, or a NumPy function has no kind."""


class LinearAlgebraError(LocalgradError, LinAlgError):
    """A matrix without what was asked of it: singular, not positive definite, or with NaN in it."""


class NonFiniteError(LocalgradError, ArithmeticError):
    """A NaN or an infinity appeared; the message names the first node that made one."""


class CaptureError(LocalgradError, TypeError):
    """A value was read while only shapes are known."""


class InputsError(LocalgradError, TypeError):
    """A layer was called with more, fewer or other inputs than it takes."""

    def __init__(self, message: str, given: int = 0) -> None:
        super().__init__(message)
        self.given = given
        """How many inputs were given by position."""


class NameLookupError(LocalgradError, KeyError):
    """No tensor, kind or field has that name."""

    def __str__(self) -> str:
        # KeyError shows repr(message), which would hide line breaks.
        return str(self.args[0]) if self.args else ""


class DataError(LocalgradError, ValueError):
    """Training data or labels that cannot be used."""


class ImportModelError(LocalgradError, ValueError):
    """A model file that cannot be read."""


class CheckpointError(LocalgradError, ValueError):
    """A checkpoint that is damaged, incomplete or made by another model."""


class FileWriteError(LocalgradError, OSError):
    """A file or folder that cannot be written."""


class LocalgradWarning(UserWarning):
    """Something allowed that is probably not meant."""
