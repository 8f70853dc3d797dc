"""The GPT of examples/character_gpt.py trained here and by PyTorch, from the same arrays in the same order of batches.

    python tests/torch/gpt_beside_pytorch.py            # as long as the example; --quick for a small one

needs PyTorch beside what localgrad needs. Prints the bits per letter on the test text that both reach, and ends with 1
where they differ by more than 2 %.
"""

import argparse
import runpy
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from make_gpt import gpt
from torch.nn import functional

import localgrad as lg
import torch

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "character_gpt.py"
RATE, BATCH = 3e-3, 16


def here(model: Any, data: Any, unseen: Any, epochs: int) -> float:
    trainer = lg.Trainer(model, optimizer=lg.Adam(RATE), schedule=lg.CosineDecay())
    trainer.fit(data, epochs=epochs, batch_size=BATCH)
    return float(trainer.evaluate(unseen)["loss"])


def by_pytorch(first: dict[str, np.ndarray], layers: int, heads: int, data: Any, unseen: Any, epochs: int) -> float:
    values = {name: torch.tensor(value, requires_grad=True) for name, value in first.items()}
    optimizer = torch.optim.Adam(values.values(), RATE)
    loader, schedule = lg.DataLoader(data, batch_size=BATCH, seed=0), lg.CosineDecay()
    schedule.start(epochs * len(loader), epochs)

    def loss_of(x: np.ndarray, t: np.ndarray) -> torch.Tensor:
        logits = gpt(values, torch.tensor(x), layers, heads)
        return functional.cross_entropy(logits.flatten(0, 1), torch.tensor(t).flatten())

    step = 0
    for epoch in range(epochs):
        for place, (x, t) in enumerate(loader):
            for group in optimizer.param_groups:
                group["lr"] = RATE * schedule.factor(step, epoch + place / len(loader))
            optimizer.zero_grad()
            loss_of(x, t).backward()
            optimizer.step()
            step += 1
    with torch.no_grad():
        return loss_of(*unseen).item()


def main(quick: bool) -> bool:
    torch.set_num_threads(1)
    example = runpy.run_path(str(EXAMPLE))
    letters, train, test = example["read"]()
    data, unseen = example["windows"](train, 64 if quick else 16), example["windows"](test, example["CONTEXT"])
    epochs = 3 if quick else 6
    model = example["network"](letters, quick)
    first = model.values()
    found = {}
    for name, run in {
        "localgrad": lambda: here(model, data, unseen, epochs),
        "PyTorch": lambda: by_pytorch(first, len(model.blocks), model.blocks[0].attention.heads, data, unseen, epochs),
    }.items():
        begun = time.perf_counter()
        found[name] = run() / np.log(2)
        print(f"{name:9}  {found[name]:.4f} bits per letter  {time.perf_counter() - begun:.0f} s")
    difference = abs(found["localgrad"] / found["PyTorch"] - 1)
    print(f"they differ by {difference:.2%}")
    return difference <= 0.02


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A GPT trained here and by PyTorch.")
    parser.add_argument("--quick", action="store_true", help="one small block and 3 short epochs")
    sys.exit(0 if main(parser.parse_args().quick) else 1)
