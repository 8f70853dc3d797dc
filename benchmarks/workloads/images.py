"""T5 and T5b: convolutional networks."""

from __future__ import annotations

from typing import Any

import numpy as np

WIDTHS = (16, 32, 64)


def data(workload: str) -> tuple[Any, Any]:
    """Images and their classes."""
    generator = np.random.default_rng(0)
    shape = (64, 1, 28, 28) if workload == "T5" else (32, 3, 32, 32)
    return generator.normal(size=shape).astype(np.float32), generator.integers(0, 10, shape[0])


def model(workload: str) -> Any:
    import localgrad as lg
    from localgrad.layers import Affine, Convolution, Flatten, MaxPooling, Relu
    from localgrad.models import ResNet

    if workload == "T5b":
        return ResNet((1, 1, 1), WIDTHS, seed=0)
    return lg.Sequential(
        Convolution.create(1, 6, 5, seed=1), Relu(), MaxPooling(2),
        Convolution.create(6, 16, 5, seed=2), Relu(), MaxPooling(2),
        Flatten(), Affine.create(256, 120, seed=3), Relu(), Affine.create(120, 84, seed=4), Relu(), Affine.create(84, 10, seed=5),
    )  # fmt: skip


def ours(workload: str) -> Any:
    import localgrad as lg

    def loss(model: Any, images: Any, classes: Any) -> Any:
        return lg.softmax_cross_entropy(model(images), classes)

    return model(workload), loss, data(workload)


def weights(workload: str) -> dict[str, Any]:
    """The first values, by name."""
    return {name: tensor.data.copy() for name, tensor in model(workload).parameters().items()}


def pytorch(workload: str) -> Any:
    from torch.nn import functional

    import torch
    from torch import nn

    values = weights(workload)
    images, classes = map(torch.from_numpy, data(workload))

    def conv(name: str, stride: int = 1) -> Any:
        W = values[f"{name}/W"]
        b = values.get(f"{name}/b")
        made = nn.Conv2d(
            W.shape[1], W.shape[0], W.shape[2], stride, W.shape[2] // 2 * (workload == "T5b"), bias=b is not None
        )
        with torch.no_grad():
            made.weight.copy_(torch.from_numpy(W))
            if b is not None:
                made.bias.copy_(torch.from_numpy(b))
        return made

    def linear(name: str) -> Any:
        made = nn.Linear(*values[f"{name}/W"].shape)
        with torch.no_grad():
            made.weight.copy_(torch.from_numpy(values[f"{name}/W"].T))
            made.bias.copy_(torch.from_numpy(values[f"{name}/b"]))
        return made

    class Block(nn.Module):
        def __init__(self, name: str, width: int, stride: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                conv(f"{name}/body/0", stride), nn.BatchNorm2d(width), nn.ReLU(),
                conv(f"{name}/body/3"), nn.BatchNorm2d(width),
            )  # fmt: skip
            self.shortcut: Any = nn.Identity()
            if f"{name}/shortcut/0/W" in values:
                self.shortcut = nn.Sequential(conv(f"{name}/shortcut/0", stride), nn.BatchNorm2d(width))

        def forward(self, x: Any) -> Any:
            return functional.relu(self.body(x) + self.shortcut(x))

    network: Any
    if workload == "T5":
        network = nn.Sequential(
            conv("0"), nn.ReLU(), nn.MaxPool2d(2), conv("3"), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            linear("7"), nn.ReLU(), linear("9"), nn.ReLU(), linear("11"),
        )  # fmt: skip
    else:
        blocks = [Block(f"stages/{n}/0", width, 2 if n else 1) for n, width in enumerate(WIDTHS)]
        network = nn.Sequential(
            conv("stem/0"),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            *blocks,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            linear("head"),
        )
    return network, lambda network: functional.cross_entropy(network(images), classes)


def jax(workload: str) -> Any:
    import jax
    import jax.numpy as jnp

    def conv(values: Any, name: str, x: Any, stride: int = 1) -> Any:
        W = values[f"{name}/W"]
        pad = W.shape[2] // 2 * (workload == "T5b")
        y = jax.lax.conv_general_dilated(x, W, (stride, stride), [(pad, pad)] * 2)
        return y + values[f"{name}/b"][:, None, None] if f"{name}/b" in values else y

    def normal(values: Any, name: str, x: Any) -> Any:  # without running statistics, which favours it
        x = x - x.mean((0, 2, 3), keepdims=True)
        x = x * jax.lax.rsqrt((x * x).mean((0, 2, 3), keepdims=True) + 1e-5)
        return x * values[f"{name}/gamma"][:, None, None] + values[f"{name}/beta"][:, None, None]

    def pooled(x: Any) -> Any:
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    def affine(values: Any, name: str, x: Any) -> Any:
        return x @ values[f"{name}/W"] + values[f"{name}/b"]

    def block(values: Any, at: str, x: Any, stride: int) -> Any:
        y = jax.nn.relu(normal(values, f"{at}/body/1", conv(values, f"{at}/body/0", x, stride)))
        y = normal(values, f"{at}/body/4", conv(values, f"{at}/body/3", y))
        if f"{at}/shortcut/0/W" in values:
            x = normal(values, f"{at}/shortcut/1", conv(values, f"{at}/shortcut/0", x, stride))
        return jax.nn.relu(y + x)

    def scores(values: Any, x: Any) -> Any:
        if workload == "T5":
            for name in ("0", "3"):
                x = pooled(jax.nn.relu(conv(values, name, x)))
            x = x.reshape(len(x), -1)
            for name in ("7", "9"):
                x = jax.nn.relu(affine(values, name, x))
            return affine(values, "11", x)
        x = jax.nn.relu(normal(values, "stem/1", conv(values, "stem/0", x)))
        for number in range(3):
            x = block(values, f"stages/{number}/0", x, 2 if number else 1)
        return affine(values, "head", x.mean((2, 3)))

    def loss(values: Any, images: Any, classes: Any) -> Any:
        return -jax.nn.log_softmax(scores(values, images))[jnp.arange(len(classes)), classes].mean()

    return weights(workload), loss, data(workload)
