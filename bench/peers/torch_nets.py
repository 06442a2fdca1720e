"""PyTorch's side of bench/parts/nets.mjs: the nets of bench/ours/nets.mjs, eager or compiled, with random data in memory.

The protocol is that of torch_jobs.py, with a batch:
  {"net": "resnet20", "batch": 64, "threads": 2, "steps": 5, "compiled": false, "infers": false}
  → {"seconds": 0.6, "loss": 2.1, "first": 2.4, "parameters": 272474}, where "first" is the mean loss of the first pass over the pool.
A net trains (or answers) on from one request to the next; its first one warms it up before the clock starts.
"""
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "test/fixtures"))
from example_nets import CharGPT, InvertedResidual, ResNet, UNet, conv_bn  # noqa: E402
from torch_jobs import cnn, serve  # noqa: E402

POOL = 8
WARM_UP = 3


class RowGRU(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.head = nn.GRU(28, 64, batch_first=True), nn.Linear(64, 10)

    def forward(self, x):
        return self.head(self.gru(x)[1][0])


class MobileNetV2(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            conv_bn(3, 16, 3), InvertedResidual(16, 16, 1, 1), InvertedResidual(16, 24, 2, 6), InvertedResidual(24, 24, 1, 6),
            InvertedResidual(24, 32, 2, 6), InvertedResidual(32, 32, 1, 6), conv_bn(32, 128, 1))
        self.classifier = nn.Linear(128, 10)

    def forward(self, x):
        return self.classifier(self.features(x).mean([2, 3]))


def linear_bn(a, b):
    return [nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU()]


def vgg_stage(a, b):
    return [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)]


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))


def momentum(rate):
    return lambda parameters: torch.optim.SGD(parameters, lr=rate, momentum=0.9)


def numbers(*shape):
    return lambda batch: torch.randn(batch, *shape)


def classes(count, *shape):
    return lambda batch: torch.randint(count, (batch, *shape))


# Name: the net, the optimiser, the input, the labels.
NETS = {
    "tabular": (lambda: nn.Sequential(*linear_bn(16, 64), *linear_bn(64, 64), nn.Linear(64, 3)), torch.optim.Adam, numbers(16), classes(3)),
    "mlp": (lambda: nn.Sequential(nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)),
            torch.optim.Adam, numbers(256), classes(10)),
    "gru": (RowGRU, torch.optim.Adam, numbers(28, 28), classes(10)),
    "char-gpt": (lambda: CharGPT(65, 32, 64, 4, 2), torch.optim.AdamW, classes(65, 32), classes(65, 32)),
    "lenet": (lenet, momentum(0.01), numbers(1, 28, 28), classes(10)),
    "vgg": (lambda: nn.Sequential(*vgg_stage(3, 32), *vgg_stage(32, 64), *vgg_stage(64, 128), nn.Flatten(), nn.Linear(2048, 10)),
            momentum(0.001), numbers(3, 32, 32), classes(10)),
    "resnet20": (lambda: ResNet(16, 3, 3, 10), momentum(0.01), numbers(3, 32, 32), classes(10)),
    "mobilenet": (MobileNetV2, momentum(0.01), numbers(3, 32, 32), classes(10)),
    "unet": (lambda: UNet(1, 16, 2), torch.optim.Adam, numbers(1, 64, 64), classes(2, 64, 64)),
    "cnn-bn": (lambda: cnn(lambda channels: [nn.BatchNorm2d(channels)]), momentum(0.01), numbers(1, 28, 28), classes(10)),
}


class Job:
    """One net; `run` continues where the last call stopped."""

    def __init__(self, net, batch, compiled, infers):
        torch.manual_seed(0)
        make, optimizer, draw_x, draw_y = NETS[net]
        self.net = make().train(not infers)
        self.forward = torch.compile(self.net) if compiled else self.net
        self.optimizer, self.infers = optimizer(self.net.parameters()), infers
        self.batches = [(draw_x(batch), draw_y(batch)) for _ in range(POOL)]
        self.parameters = sum(p.numel() for p in self.net.parameters())
        self.at, self.first = 0, 0.0
        self.run(WARM_UP)

    def step(self, x, y):
        output = self.forward(x)
        if output.dim() == 3:  # a language model's logits have a row for each character
            output, y = output.reshape(-1, output.shape[2]), y.reshape(-1)
        loss = F.cross_entropy(output, y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def answer(self, x):
        with torch.no_grad():
            return self.forward(x).tolist()[0][0]

    def run(self, steps):
        start, total = time.perf_counter(), 0.0
        for _ in range(steps):
            x, y = self.batches[self.at % POOL]
            loss = self.answer(x) if self.infers else self.step(x, y)
            total += loss
            if self.at < POOL:
                self.first += loss / POOL
            self.at += 1
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "steps": steps, "loss": total / steps, "first": self.first, "parameters": self.parameters}


class Jobs:
    """Answers requests, keeping a job for each (net, batch, threads, compiled, infers)."""

    def __init__(self):
        self.jobs = {}

    def answer(self, net, batch, threads=1, steps=1, compiled=False, infers=False):
        torch.set_num_threads(threads)
        key = (net, batch, threads, compiled, infers)
        if key not in self.jobs:
            self.jobs[key] = Job(net, batch, compiled, infers)
        return self.jobs[key].run(steps)


if __name__ == "__main__":
    serve(Jobs())
