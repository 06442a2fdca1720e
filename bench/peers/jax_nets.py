"""JAX's side of bench/parts/nets.mjs, of the nets that are quick to write: one jitted step with donated parameters.

The protocol is that of torch_nets.py, for training alone; `threads` is not heard (XLA uses all cores), and `compiled` is
always so:
  {"net": "mlp", "batch": 128, "steps": 5} → {"seconds": 0.1, "loss": 2.1, "first": 2.4, "parameters": 399370}
The loss is read after each step, as on the other sides.
"""
import json
import sys
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jax_jobs import batch_norm, conv, convolution, linear, max_pool, norm, uniform

POOL = 8
WARM_UP = 3


def dense(p, x):
    return x @ p["w"] + p["b"]


def running_of(params):
    """Means of 0 and variances of 1 for each batch norm."""
    return {name: {"mean": p["beta"], "var": p["gamma"]} for name, p in params.items() if "gamma" in p}


def mlp_of(widths, normalised):
    def start(keys):
        params = {f"fc{i}": linear(key, a, b) for i, (key, a, b) in enumerate(zip(keys, widths, widths[1:]))}
        return {**params, **{f"bn{i}": norm(b) for i, b in enumerate(widths[1:-1]) if normalised}}

    def forward(p, moving, x):
        new, last = {}, len(widths) - 2
        for i in range(last):
            x = dense(p[f"fc{i}"], x)
            if normalised:
                x, new[f"bn{i}"] = batch_norm(p[f"bn{i}"], moving[f"bn{i}"], x)
            x = jax.nn.relu(x)
        return dense(p[f"fc{last}"], x), new

    return start, forward


def start_gru(keys):
    bound = lambda key, *shape: uniform(key, shape, 64)
    weights = {"wi": bound(keys[0], 28, 192), "wh": bound(keys[1], 64, 192), "bi": bound(keys[2], 192), "bh": bound(keys[3], 192)}
    return {"gru": weights, "head": linear(keys[4], 64, 10)}


def gru(p, moving, x):
    w = p["gru"]
    inputs = jnp.swapaxes(x @ w["wi"] + w["bi"], 0, 1)

    def cell(h, of_input):
        (ir, iz, in_), (hr, hz, hn) = jnp.split(of_input, 3, 1), jnp.split(h @ w["wh"] + w["bh"], 3, 1)
        z, n = jax.nn.sigmoid(iz + hz), jnp.tanh(in_ + jax.nn.sigmoid(ir + hr) * hn)
        return (1 - z) * n + z * h, None

    return dense(p["head"], lax.scan(cell, jnp.zeros((x.shape[0], 64)), inputs)[0]), {}


def start_lenet(keys):
    params = {"conv1": convolution(keys[0], 5, 1, 6), "conv2": convolution(keys[1], 5, 6, 16)}
    return {**params, **{f"fc{i}": linear(keys[2 + i], a, b) for i, (a, b) in enumerate([(400, 120), (120, 84), (84, 10)])}}


def lenet(p, moving, x):
    for i, padding in (("1", 2), ("2", 0)):
        x = max_pool(jax.nn.relu(conv(p["conv" + i], x, padding)))
    x = x.reshape(x.shape[0], -1)
    return dense(p["fc2"], jax.nn.relu(dense(p["fc1"], jax.nn.relu(dense(p["fc0"], x))))), {}


STAGES = [(3, 32), (32, 64), (64, 128)]


def start_vgg(keys):
    params = {f"conv{i}": convolution(keys[i], 3, a, b) for i, (a, b) in enumerate(STAGES)}
    return {**params, **{f"bn{i}": norm(b) for i, (_, b) in enumerate(STAGES)}, "fc": linear(keys[3], 2048, 10)}


def vgg(p, moving, x):
    new = {}
    for i in range(len(STAGES)):
        x, new[f"bn{i}"] = batch_norm(p[f"bn{i}"], moving[f"bn{i}"], conv(p[f"conv{i}"], x, 1))
        x = max_pool(jax.nn.relu(x))
    return dense(p["fc"], x.reshape(x.shape[0], -1)), new


def adam(rate=1e-3, b1=0.9, b2=0.999, eps=1e-8):
    def update(params, grads, state):
        steps, m, v = state
        steps += 1
        m = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, m, grads)
        v = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, v, grads)
        scale, root = rate / (1 - b1**steps), jnp.sqrt(1 - b2**steps)
        return jax.tree.map(lambda p, m, v: p - scale * m / (jnp.sqrt(v) / root + eps), params, m, v), (steps, m, v)

    return update


def momentum(rate):
    def update(params, grads, state):
        steps, m, v = state
        m = jax.tree.map(lambda m, g: 0.9 * m + g, m, grads)
        return jax.tree.map(lambda p, m: p - rate * m, params, m), (steps, m, v)

    return update


# Name: the net, the optimiser, the shape of a sample (channels last), the classes.
NETS = {
    "tabular": (*mlp_of([16, 64, 64, 3], True), adam(), [16], 3),
    "mlp": (*mlp_of([256, 512, 512, 10], False), adam(), [256], 10),
    "gru": (start_gru, gru, adam(), [28, 28], 10),
    "lenet": (start_lenet, lenet, momentum(0.01), [28, 28, 1], 10),
    "vgg": (start_vgg, vgg, momentum(0.001), [32, 32, 3], 10),
}


def make_step(forward, update):
    def loss_of(params, moving, x, y):
        logits, moving = forward(params, moving, x)
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1).mean(), moving

    @partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(params, moving, state, x, y):
        (loss, moving), grads = jax.value_and_grad(loss_of, has_aux=True)(params, moving, x, y)
        params, state = update(params, grads, state)
        return params, moving, state, loss

    return step


class Job:
    """One net; `run` continues where the last call stopped."""

    def __init__(self, net, batch):
        start, forward, update, shape, classes = NETS[net]
        self.params = start(jax.random.split(jax.random.key(0), 8))
        zeros = lambda: jax.tree.map(jnp.zeros_like, self.params)
        self.moving, self.state = jax.tree.map(jnp.array, running_of(self.params)), (0.0, zeros(), zeros())
        self.parameters = sum(p.size for p in jax.tree.leaves(self.params))
        random = np.random.default_rng(0)
        draw = lambda: (random.standard_normal((batch, *shape), np.float32), random.integers(classes, size=batch))
        self.batches = [draw() for _ in range(POOL)]
        self.step = make_step(forward, update)
        self.at, self.first = 0, 0.0
        self.run(WARM_UP)

    def run(self, steps):
        start, total = time.perf_counter(), 0.0
        for _ in range(steps):
            x, y = self.batches[self.at % POOL]
            self.params, self.moving, self.state, loss = self.step(self.params, self.moving, self.state, x, y)
            loss = float(loss)
            total += loss
            if self.at < POOL:
                self.first += loss / POOL
            self.at += 1
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "steps": steps, "loss": total / steps, "first": self.first, "parameters": self.parameters}


def main():
    jobs = {}
    print(json.dumps({"ready": True, "version": jax.__version__, "nets": list(NETS)}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            key = (request["net"], request["batch"])
            if key not in jobs:
                jobs[key] = Job(*key)
            answer = jobs[key].run(request["steps"])
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
