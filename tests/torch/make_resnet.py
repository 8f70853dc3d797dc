"""What PyTorch makes of a small residual network: writes tests/data/resnet.npz, which tests/test_referees_resnet.py reads.

    python tests/torch/make_resnet.py

needs PyTorch and NumPy. Values are drawn from a fixed seed, under the names localgrad gives to them; the network is
written in PyTorch's own functions and layouts, in float64, with every BatchNormalization in training mode.
"""

from pathlib import Path

import numpy as np
from torch.nn import functional

import torch

TARGET = Path(__file__).parent.parent / "data" / "resnet.npz"

CONVOLUTIONS = {
    "stem/0": (4, 2, 3),
    "stages/0/0/body/0": (4, 4, 3),
    "stages/0/0/body/3": (4, 4, 3),
    "stages/1/0/body/0": (6, 4, 3),
    "stages/1/0/body/3": (6, 6, 3),
    "stages/1/0/shortcut/0": (6, 4, 1),
    "bottleneck/body/0": (2, 6, 1),
    "bottleneck/body/3": (2, 2, 3),
    "bottleneck/body/6": (8, 2, 1),
    "bottleneck/shortcut/0": (8, 6, 1),
}
"""Channels out, channels in, kernel. The next number in the last place is that of its BatchNormalization."""


def norm_of(name: str) -> str:
    """The name of the BatchNormalization behind a convolution."""
    path, _, place = name.rpartition("/")
    return f"{path}/{int(place) + 1}"


def drawn() -> dict[str, torch.Tensor]:
    random = np.random.default_rng(2015)
    values: dict[str, np.ndarray] = {}
    for name, (n_out, n_in, kernel) in CONVOLUTIONS.items():
        values[f"{name}/W"] = random.standard_normal((n_out, n_in, kernel, kernel)) / np.sqrt(n_in * kernel**2)
        values[f"{norm_of(name)}/gamma"] = random.uniform(0.5, 1.5, n_out)
        values[f"{norm_of(name)}/beta"] = 0.3 * random.standard_normal(n_out)
    values["head/W"] = random.standard_normal((8, 3))
    values["head/b"] = random.standard_normal(3)
    return {name: torch.tensor(value, requires_grad=True) for name, value in values.items()}


def network(values: dict[str, torch.Tensor], running: dict[str, torch.Tensor], x: torch.Tensor, training: bool):
    def convolution(x: torch.Tensor, name: str, stride: int = 1) -> torch.Tensor:
        kernel, norm = CONVOLUTIONS[name][2], norm_of(name)
        x = functional.conv2d(x, values[f"{name}/W"], stride=stride, padding=kernel // 2)
        mean, variance = running[f"{norm}/running_mean"], running[f"{norm}/running_var"]
        return functional.batch_norm(x, mean, variance, values[f"{norm}/gamma"], values[f"{norm}/beta"], training)

    x = functional.relu(convolution(x, "stem/0"))
    y = functional.relu(convolution(x, "stages/0/0/body/0"))
    x = functional.relu(convolution(y, "stages/0/0/body/3") + x)
    y = functional.relu(convolution(x, "stages/1/0/body/0", 2))
    x = functional.relu(convolution(y, "stages/1/0/body/3") + convolution(x, "stages/1/0/shortcut/0", 2))
    y = functional.relu(convolution(x, "bottleneck/body/0"))
    y = functional.relu(convolution(y, "bottleneck/body/3", 2))
    x = functional.relu(convolution(y, "bottleneck/body/6") + convolution(x, "bottleneck/shortcut/0", 2))
    return functional.linear(x.mean((2, 3)), values["head/W"].T, values["head/b"])


def main() -> None:
    values = drawn()
    running = {}
    for name, (n_out, _, _) in CONVOLUTIONS.items():
        running[f"{norm_of(name)}/running_mean"] = torch.zeros(n_out, dtype=torch.float64)
        running[f"{norm_of(name)}/running_var"] = torch.ones(n_out, dtype=torch.float64)
    random = np.random.default_rng(1)
    x = torch.tensor(random.standard_normal((3, 2, 9, 7)), requires_grad=True)
    labels = torch.tensor([2, 0, 1])
    logits = network(values, running, x, training=True)
    loss = functional.cross_entropy(logits, labels)
    loss.backward()
    with torch.no_grad():
        evaluated = network(values, running, x, training=False)
    arrays = {
        "origin": np.array(f"PyTorch {torch.__version__.partition('+')[0]}, tests/torch/make_resnet.py"),
        "x": x.detach().numpy(),
        "labels": labels.numpy(),
        "logits": logits.detach().numpy(),
        "loss": loss.detach().numpy(),
        "evaluated": evaluated.numpy(),
        "gradient of x": x.grad.numpy(),
        **{f"value/{name}": value.detach().numpy() for name, value in values.items()},
        **{f"gradient/{name}": value.grad.numpy() for name, value in values.items()},
        **{f"running/{name}": value.numpy() for name, value in running.items()},
    }
    TARGET.parent.mkdir(exist_ok=True)
    np.savez_compressed(TARGET, **arrays)
    print(f"{TARGET}: {len(arrays)} arrays, {TARGET.stat().st_size} bytes, loss {loss.item():.6f}")


if __name__ == "__main__":
    main()
