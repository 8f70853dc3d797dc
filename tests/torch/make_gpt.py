"""What PyTorch makes of a small GPT and a decoder block: writes tests/data/gpt.npz, which tests/test_referees_gpt.py reads.

    python tests/torch/make_gpt.py

needs PyTorch and NumPy. Values are drawn from a fixed seed, under the names localgrad gives to them (W is (inputs,
outputs), the transpose of PyTorch's); the networks are PyTorch's own layers and functions, in float64.
"""

from pathlib import Path

import numpy as np
from torch.nn import functional

import torch

TARGET = Path(__file__).parent.parent / "data" / "gpt.npz"
VOCABULARY, CONTEXT, LAYERS, HEADS, WIDTH = 7, 6, 2, 2, 8

Values = dict[str, torch.Tensor]


def attention_shapes(name: str) -> dict[str, tuple[int, ...]]:
    return {
        f"{name}/{part}/{letter}": (WIDTH, WIDTH) if letter == "W" else (WIDTH,)
        for part in ("query", "key", "value", "output")
        for letter in "Wb"
    }


def network_shapes(name: str) -> dict[str, tuple[int, ...]]:
    return {
        f"{name}/expand/W": (WIDTH, 4 * WIDTH),
        f"{name}/expand/b": (4 * WIDTH,),
        f"{name}/contract/W": (4 * WIDTH, WIDTH),
        f"{name}/contract/b": (WIDTH,),
    }


def norm_shapes(name: str) -> dict[str, tuple[int, ...]]:
    return {f"{name}/gamma": (WIDTH,), f"{name}/beta": (WIDTH,)}


def gpt_shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"tokens/W": (VOCABULARY, WIDTH), "positions/W": (CONTEXT, WIDTH)}
    for number in range(LAYERS):
        block = f"blocks/{number}"
        shapes |= attention_shapes(f"{block}/attention") | network_shapes(f"{block}/feedforward")
        shapes |= norm_shapes(f"{block}/attention_norm") | norm_shapes(f"{block}/feedforward_norm")
    return shapes | norm_shapes("normalization")


def decoder_shapes() -> dict[str, tuple[int, ...]]:
    norms = {}
    for name in ("attention_norm", "cross_norm", "feedforward_norm"):
        norms |= norm_shapes(name)
    return attention_shapes("attention") | attention_shapes("cross") | network_shapes("feedforward") | norms


def drawn(shapes: dict[str, tuple[int, ...]], seed: int) -> Values:
    random = np.random.default_rng(seed)
    values = {}
    for name, shape in shapes.items():
        value = 0.4 * random.standard_normal(shape) + (1.0 if name.endswith("gamma") else 0.0)
        values[name] = torch.tensor(value, requires_grad=True)
    return values


def affine(values: Values, name: str, x: torch.Tensor) -> torch.Tensor:
    return functional.linear(x, values[f"{name}/W"].T, values[f"{name}/b"])


def attend(values: Values, name: str, x: torch.Tensor, heads: int) -> torch.Tensor:
    count, places, width = x.shape
    q, k, v = (
        affine(values, f"{name}/{part}", x).view(count, places, heads, width // heads).transpose(1, 2)
        for part in ("query", "key", "value")
    )
    y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    return affine(values, f"{name}/output", y.transpose(1, 2).reshape(count, places, width))


def norm(values: Values, name: str, x: torch.Tensor) -> torch.Tensor:
    return functional.layer_norm(x, (x.shape[-1],), values[f"{name}/gamma"], values[f"{name}/beta"])


def gpt(values: Values, tokens: torch.Tensor, layers: int = LAYERS, heads: int = HEADS) -> torch.Tensor:
    x = functional.embedding(tokens, values["tokens/W"]) + values["positions/W"][: tokens.shape[1]]
    for number in range(layers):
        block = f"blocks/{number}"
        x = x + attend(values, f"{block}/attention", norm(values, f"{block}/attention_norm", x), heads)
        y = affine(values, f"{block}/feedforward/expand", norm(values, f"{block}/feedforward_norm", x))
        x = x + affine(values, f"{block}/feedforward/contract", functional.gelu(y, approximate="tanh"))
    return norm(values, "normalization", x) @ values["tokens/W"].T


def decoder(values: Values) -> torch.nn.TransformerDecoderLayer:
    """PyTorch's own decoder layer, normalized after each part, with these values."""
    layer = torch.nn.TransformerDecoderLayer(
        WIDTH, HEADS, 4 * WIDTH, 0.0, "gelu", batch_first=True, dtype=torch.float64
    )
    with torch.no_grad():
        for ours, part in (("attention", layer.self_attn), ("cross", layer.multihead_attn)):
            part.in_proj_weight.copy_(torch.cat([values[f"{ours}/{each}/W"].T for each in ("query", "key", "value")]))
            part.in_proj_bias.copy_(torch.cat([values[f"{ours}/{each}/b"] for each in ("query", "key", "value")]))
            part.out_proj.weight.copy_(values[f"{ours}/output/W"].T)
            part.out_proj.bias.copy_(values[f"{ours}/output/b"])
        for ours, part in (("expand", layer.linear1), ("contract", layer.linear2)):
            part.weight.copy_(values[f"feedforward/{ours}/W"].T)
            part.bias.copy_(values[f"feedforward/{ours}/b"])
        for ours, part in (("attention", layer.norm1), ("cross", layer.norm2), ("feedforward", layer.norm3)):
            part.weight.copy_(values[f"{ours}_norm/gamma"])
            part.bias.copy_(values[f"{ours}_norm/beta"])
    return layer


def decoder_gradients(layer: torch.nn.TransformerDecoderLayer) -> dict[str, torch.Tensor]:
    found = {}
    for ours, part in (("attention", layer.self_attn), ("cross", layer.multihead_attn)):
        for number, each in enumerate(("query", "key", "value")):
            found[f"{ours}/{each}/W"] = part.in_proj_weight.grad.chunk(3)[number].T
            found[f"{ours}/{each}/b"] = part.in_proj_bias.grad.chunk(3)[number]
        found[f"{ours}/output/W"], found[f"{ours}/output/b"] = part.out_proj.weight.grad.T, part.out_proj.bias.grad
    for ours, part in (("expand", layer.linear1), ("contract", layer.linear2)):
        found[f"feedforward/{ours}/W"], found[f"feedforward/{ours}/b"] = part.weight.grad.T, part.bias.grad
    for ours, part in (("attention", layer.norm1), ("cross", layer.norm2), ("feedforward", layer.norm3)):
        found[f"{ours}_norm/gamma"], found[f"{ours}_norm/beta"] = part.weight.grad, part.bias.grad
    return found


def main() -> None:
    random = np.random.default_rng(2019)
    values = drawn(gpt_shapes(), 2017)
    tokens = torch.tensor(random.integers(0, VOCABULARY, (3, CONTEXT)))
    logits = gpt(values, tokens[:, :-1])
    loss = functional.cross_entropy(logits.reshape(-1, VOCABULARY), tokens[:, 1:].reshape(-1))
    loss.backward()
    own = drawn(decoder_shapes(), 2018)
    x, context, weights = (
        torch.tensor(random.standard_normal(shape), requires_grad=True)
        for shape in ((2, 4, WIDTH), (2, 5, WIDTH), (2, 4, WIDTH))
    )
    seen = torch.tensor([[True, True, True, False, False], [True] * 5])
    layer = decoder(own)
    causal = torch.ones(4, 4, dtype=torch.bool).triu(1)
    y = layer(x, context, tgt_mask=causal, memory_key_padding_mask=~seen)
    (y * weights.detach()).sum().backward()
    arrays = {
        "origin": np.array(f"PyTorch {torch.__version__.partition('+')[0]}, tests/torch/make_gpt.py"),
        "tokens": tokens.numpy(),
        "logits": logits.detach().numpy(),
        "loss": loss.detach().numpy(),
        **{f"value/{name}": value.detach().numpy() for name, value in values.items()},
        **{f"gradient/{name}": value.grad.numpy() for name, value in values.items()},
        "decoder/x": x.detach().numpy(),
        "decoder/context": context.detach().numpy(),
        "decoder/weights": weights.detach().numpy(),
        "decoder/seen": seen.numpy(),
        "decoder/y": y.detach().numpy(),
        "decoder/gradient of x": x.grad.numpy(),
        "decoder/gradient of context": context.grad.numpy(),
        **{f"decoder/value/{name}": value.detach().numpy() for name, value in own.items()},
        **{f"decoder/gradient/{name}": value.numpy() for name, value in decoder_gradients(layer).items()},
    }
    TARGET.parent.mkdir(exist_ok=True)
    np.savez_compressed(TARGET, **arrays)
    print(f"{TARGET}: {len(arrays)} arrays, {TARGET.stat().st_size} bytes, loss {loss.item():.6f}")


if __name__ == "__main__":
    main()
