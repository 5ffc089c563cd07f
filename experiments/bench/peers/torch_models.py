"""The models of graph/models and their training step, as one writes them with PyTorch: eager, AdamW, whole batches."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

TEXTS = 1024
IMAGES = 8192
ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}


class Block(nn.Module):
    """A pre-norm transformer block with causal attention and a 4x GELU layer."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.ln2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = self.qkv(self.ln1(x)).split(width, dim=2)
        q, k, v = (part.view(batch, length, self.heads, -1).transpose(1, 2) for part in (q, k, v))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(F.gelu(self.up(self.ln2(x))))


class Gpt(nn.Module):
    def __init__(self, width, layers, heads, context, vocabulary=256):
        super().__init__()
        self.wte = nn.Embedding(vocabulary, width)
        self.wpe = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.lnf = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.lnf(x)).flatten(0, 1)


def mlp(spec, features, classes):
    sizes = [features, *spec["hidden"]]
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[spec["activation"]]()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], classes))


def cnn(spec, height, width, classes):
    channels = [1, *spec["channels"]]
    activation = ACTIVATIONS[spec["activation"]]
    layers = []
    for inputs, outputs in zip(channels, channels[1:]):
        convolution = nn.Conv2d(inputs, outputs, spec["kernel"], padding=spec["kernel"] // 2)
        layers += [convolution, activation(), nn.MaxPool2d(2)]
        height, width = height // 2, width // 2
    flat = height * width * channels[-1]
    layers += [nn.Flatten(), nn.Linear(flat, spec["hidden"]), activation(), nn.Linear(spec["hidden"], classes)]
    return nn.Sequential(*layers)


def open_step(request):
    """A training step by request: `model` and `data` of the job, `batch`, `optimizer`, and how PyTorch is used.

    `accumulate` cuts the batch into micro-batches, `fused` takes AdamW's fused kernel, `bf16` computes under autocast.
    """
    spec, data, options = request["model"], request["data"], request["optimizer"]
    batch, parts = request["batch"], request.get("accumulate", 1)
    if spec["type"] == "gpt":
        model = Gpt(spec["width"], spec["layers"], spec["heads"], spec["context"])
        text = torch.randint(256, (TEXTS, spec["context"] + 1))
        inputs, targets = text[:, :-1], text[:, 1:]
    else:
        targets = torch.randint(data["classes"], (IMAGES,))
        if spec["type"] == "cnn":
            model = cnn(spec, data["height"], data["width"], data["classes"])
            inputs = torch.rand(IMAGES, 1, data["height"], data["width"])
        else:
            model = mlp(spec, data["features"], data["classes"])
            inputs = torch.rand(IMAGES, data["features"])
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": options["weightDecay"]}, {"params": vectors, "weight_decay": 0.0}],
        lr=options["learningRate"],
        betas=(options["beta1"], options["beta2"]),
        eps=options["epsilon"],
        **({"fused": True} if request.get("fused") else {}),
    )
    bf16 = bool(request.get("bf16"))
    size = batch // parts
    position = 0
    order = torch.randperm(len(inputs))

    def step():
        nonlocal position
        total = 0.0
        for _ in range(parts):
            rows = order[torch.arange(position, position + size) % len(order)]
            position += size
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                loss = F.cross_entropy(model(inputs[rows]), targets[rows].flatten()) / parts
            loss.backward()
            total += loss.item()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return total

    with FlopCounterMode(display=False) as counter:
        loss = step()
    parameters = sum(p.numel() for p in model.parameters())
    return step, {"parameters": parameters, "flops": counter.get_total_flops(), "loss": loss}
