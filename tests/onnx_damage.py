"""Damaged ONNX files: real models, with bytes or facts of them changed at random."""

from __future__ import annotations

import random
from functools import lru_cache
from typing import Any

import numpy as np

import localgrad as lg

NUMBERS = (0, 1, -1, 2, 3, 7, 25, 127, 255, 2**15, 2**31 - 1, -(2**31), 2**31, 2**40, 2**48, 2**62, -(2**63), 2**63 - 1)
WORDS = (
    "",
    "x",
    "../../../etc/passwd",
    "/etc/passwd",
    "a" * 5000,
    "\u0000",
    "N",
    "-1",
    "Identity",
    "Loop",
    "If",
    "Reshape",
)


@lru_cache(1)
def models() -> dict[str, bytes]:
    """Whole models of ours and of the package's cases, small ones with a lot of different facts."""
    from pathlib import Path

    import onnx

    found = {"network": _network()}
    for path in sorted((Path(onnx.__file__).parent / "backend/test/data").glob("*/*/model.onnx")):
        if path.stat().st_size < 4000:
            found[path.parent.name] = path.read_bytes()
    graph = lg.load_onnx(found["network"])
    found["gradient"] = _written(graph.gradient(wrt="W1"))
    model = onnx.load_from_string(found["network"])
    for tensor in model.graph.initializer:
        tensor.data_location = 1
        for key, value in (("location", "weights.bin"), ("offset", "0"), ("length", str(len(tensor.raw_data)))):
            tensor.external_data.add(key=key, value=value)
        tensor.ClearField("raw_data")
    found["external"] = model.SerializeToString()
    return found


def _written(graph: Any) -> bytes:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        graph.save_onnx(Path(folder) / "model.onnx")
        return (Path(folder) / "model.onnx").read_bytes()


def _network() -> bytes:
    generator = np.random.default_rng(0)
    K = lg.parameter(generator.normal(size=(2, 1, 3, 3)).astype(np.float32), name="K")
    W1 = lg.parameter(generator.normal(size=(18, 3)).astype(np.float32), name="W1")

    def f(x: Any) -> Any:
        y = lg.relu(lg.conv2d(x, K, padding=1))
        y = lg.max_pool2d(y, 2)
        return lg.softmax(lg.layer_normalization(y.reshape(y.shape[0], -1) @ W1, axis=-1))

    return _written(lg.capture(f, lg.spec("N", 1, 6, 6), name="network"))


def damaged(content: bytes, seed: int) -> bytes:
    """The bytes of a model, changed in a way the seed decides."""
    chance = random.Random(seed)
    if chance.random() < 0.3:
        return _bytes_changed(content, chance)
    import onnx

    model = onnx.load_from_string(content)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        _fact_changed(model, chance)
    return bytes(model.SerializeToString())


def _bytes_changed(content: bytes, chance: random.Random) -> bytes:
    found = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(len(found) + 1)
        what = chance.randrange(5)
        if what == 0:
            del found[at:]
        elif what == 1 and found:
            found[min(at, len(found) - 1)] ^= 1 << chance.randrange(8)
        elif what == 2:
            found[at:at] = chance.randbytes(chance.choice((1, 3, 40)))
        elif what == 3:
            del found[at : at + chance.choice((1, 2, 30))]
        else:
            other = chance.randrange(len(found) + 1)
            found[at:at] = found[other : other + 60]
        if not found:
            break
    return bytes(found)


def _messages(model: Any) -> list[Any]:
    found = [model]
    for message in found:
        for field, value in message.ListFields():
            if field.type == field.TYPE_MESSAGE:
                found.extend(value if _repeated(field) else [value])
    return found


def _repeated(field: Any) -> bool:
    return bool(field.is_repeated) if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED


def _fact_changed(model: Any, chance: random.Random) -> None:
    messages = _messages(model)
    message = chance.choice(messages)
    fields = [field for field, _ in message.ListFields()]
    if not fields or chance.random() < 0.1:
        fields = list(message.DESCRIPTOR.fields)
    field = chance.choice(fields)
    if _repeated(field):
        values = getattr(message, field.name)
        what = chance.randrange(4)
        if what == 0 and len(values):
            del values[chance.randrange(len(values))]
        elif what == 1 and len(values) and field.type != field.TYPE_MESSAGE:
            values.append(values[chance.randrange(len(values))])
        elif field.type == field.TYPE_MESSAGE:
            others = [each for each in messages if each.DESCRIPTOR is field.message_type]
            if others:
                values.add().MergeFromString(chance.choice(others).SerializeToString())
        elif len(values) and what == 2:
            values[chance.randrange(len(values))] = _strange(field, messages, chance)
        else:
            values.append(_strange(field, messages, chance))
    elif field.type == field.TYPE_MESSAGE:
        others = [each for each in messages if each.DESCRIPTOR is field.message_type]
        if others and chance.random() < 0.7:
            content = chance.choice(others).SerializeToString()  # which may hold this very message
            getattr(message, field.name).Clear()
            getattr(message, field.name).MergeFromString(content)
        else:
            message.ClearField(field.name)
    else:
        setattr(message, field.name, _strange(field, messages, chance))


def _strange(field: Any, messages: list[Any], chance: random.Random) -> Any:
    if field.type == field.TYPE_STRING:
        names = [
            value
            for each in messages
            for f, value in each.ListFields()
            if f.type == f.TYPE_STRING and isinstance(value, str)
        ]
        return chance.choice([*WORDS, *names])
    if field.type == field.TYPE_BYTES:
        return chance.choice((b"", b"\xff", b"SAME_UPPER", b"mean", chance.randbytes(16), b"\0" * 64))
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return chance.choice((0.0, -1.0, float("nan"), float("inf"), 1e30, 0.5))
    if field.type == field.TYPE_ENUM:
        return chance.choice(field.enum_type.values).number
    if field.type == field.TYPE_INT32:
        return chance.choice([x for x in NUMBERS if -(2**31) <= x < 2**31])
    if field.type == field.TYPE_UINT64:
        return chance.choice([x for x in NUMBERS if x >= 0])
    return chance.choice(NUMBERS)
