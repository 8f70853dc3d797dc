"""What PyTorch makes of a two-layer LSTM language model: writes tests/data/lstm.npz, read by tests/test_referees_lstm.py.

    python tests/torch/make_lstm.py

needs PyTorch and NumPy. Values are drawn from a fixed seed, under the names and in the layouts localgrad gives to them:
matrices (inputs, units), gates in the order f, g, i, o, one bias. PyTorch has them transposed, in the order i, f, g, o,
with two biases, of which the second is 0 here. A text is read in two blocks, the second from the states the first ended
with, through which no gradient goes back; everything in float64.
"""

from pathlib import Path

import numpy as np
from torch.nn import functional

import torch

TARGET = Path(__file__).parent.parent / "data" / "lstm.npz"
VOCABULARY, WIDTH, HIDDEN, ROWS, STEPS = 11, 6, 6, 4, 7
TO_PYTORCH = [2, 0, 1, 3]  # which of f, g, i, o stands where in i, f, g, o
FROM_PYTORCH = [1, 2, 0, 3]


def gates(array: np.ndarray, order: list[int]) -> np.ndarray:
    """The gates along the last axis, in another order."""
    parts = np.split(array, 4, axis=-1)
    return np.concatenate([parts[place] for place in order], axis=-1)


def drawn(random: np.random.Generator, tied: bool) -> dict[str, np.ndarray]:
    """The values of the model by localgrad's names."""
    values = {"0/W": random.normal(size=(VOCABULARY, WIDTH)) * 0.5}
    for name, inputs in (("1", WIDTH), ("2", HIDDEN)):
        values[f"{name}/Wx"] = random.normal(size=(inputs, 4 * HIDDEN)) * 0.5
        values[f"{name}/Wh"] = random.normal(size=(HIDDEN, 4 * HIDDEN)) * 0.5
        values[f"{name}/b"] = random.normal(size=4 * HIDDEN) * 0.3
    if not tied:
        values["3/W"] = random.normal(size=(HIDDEN, VOCABULARY)) * 0.5
    values["3/b"] = random.normal(size=VOCABULARY) * 0.3
    return values


def judged(values: dict[str, np.ndarray], xs: np.ndarray, ts: np.ndarray) -> dict[str, np.ndarray]:
    """Losses, states and gradients of two blocks, by PyTorch's Embedding, LSTM and Linear."""
    embedding = torch.nn.Embedding(VOCABULARY, WIDTH, dtype=torch.float64)
    lstm = torch.nn.LSTM(WIDTH, HIDDEN, num_layers=2, batch_first=True, dtype=torch.float64)
    linear = torch.nn.Linear(HIDDEN, VOCABULARY, dtype=torch.float64)
    tied = "3/W" not in values
    with torch.no_grad():
        embedding.weight.copy_(torch.from_numpy(values["0/W"]))
        for layer in range(2):
            parts = {"weight_ih": "Wx", "weight_hh": "Wh", "bias_ih": "b"}
            for theirs, ours in parts.items():
                array = np.ascontiguousarray(gates(values[f"{layer + 1}/{ours}"], TO_PYTORCH).T)
                getattr(lstm, f"{theirs}_l{layer}").copy_(torch.from_numpy(array))
            getattr(lstm, f"bias_hh_l{layer}").zero_()
        linear.bias.copy_(torch.from_numpy(values["3/b"]))
        if not tied:
            linear.weight.copy_(torch.from_numpy(np.ascontiguousarray(values["3/W"].T)))
    if tied:
        linear.weight = embedding.weight
    found: dict[str, np.ndarray] = {}
    carry = None
    for block in range(2):
        part = slice(block * STEPS, (block + 1) * STEPS)
        embedding.zero_grad()
        lstm.zero_grad()
        linear.zero_grad()
        states, carry = lstm(embedding(torch.from_numpy(xs[:, part])), carry)
        scores = linear(states)
        loss = functional.cross_entropy(
            scores.reshape(-1, VOCABULARY), torch.from_numpy(ts[:, part]).reshape(-1), ignore_index=-1
        )
        loss.backward()
        carry = tuple(each.detach() for each in carry)
        found[f"{block}/scores"], found[f"{block}/loss"] = scores.detach().numpy(), loss.detach().numpy()
        for name, state in zip(("hidden", "cell"), carry, strict=True):
            for layer in range(2):
                found[f"{block}/state/{layer + 1}/{name}"] = state[layer].numpy()
        gradients = {"0/W": embedding.weight.grad.numpy(), "3/b": linear.bias.grad.numpy()}
        if not tied:
            gradients["3/W"] = linear.weight.grad.numpy().T
        for layer in range(2):
            for theirs, ours in (("weight_ih", "Wx"), ("weight_hh", "Wh"), ("bias_ih", "b")):
                grad = getattr(lstm, f"{theirs}_l{layer}").grad.numpy().T
                gradients[f"{layer + 1}/{ours}"] = gates(grad, FROM_PYTORCH)
        found |= {f"{block}/gradient/{name}": np.array(grad) for name, grad in gradients.items()}
    return found


def main() -> None:
    random = np.random.default_rng(20)
    xs, ts = (random.integers(0, VOCABULARY, (ROWS, 2 * STEPS)) for _ in range(2))
    ts[1, 9:] = -1  # padding
    arrays = {"xs": xs, "ts": ts, "origin": np.array(f"PyTorch {torch.__version__}, float64, tests/torch/make_lstm.py")}
    for name in ("separate", "tied"):
        values = drawn(random, name == "tied")
        arrays |= {f"{name}/value/{key}": array for key, array in values.items()}
        arrays |= {f"{name}/{key}": array for key, array in judged(values, xs, ts).items()}
    np.savez_compressed(TARGET, **arrays)
    print(f"{TARGET}: {len(arrays)} arrays, {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
