"""JAX on CPU as a peer of bench (the protocol is in bench/peer.go): training steps, answers for one row, products.

Everything is one jitted function per call, with the weights and the optimizer's state donated; like blocks are one lax.scan; pictures are NHWC, kernels HWIO. XLA's CPU
threads follow the number of processors that the process may use, so the process is bound to as many as threads are asked for.
"""
import json
import os
import sys
import time

threads = int(os.environ.get("BENCH_THREADS", "2"))


def cores():
    """The processors that this process may use, one of each core before the second of any."""

    def place(cpu):
        try:
            with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") as f:
                siblings = [int(part.split("-")[0]) for part in f.read().split(",")]
        except OSError:
            siblings = [cpu]
        return cpu != min(siblings), cpu

    return sorted(os.sched_getaffinity(0), key=place)


if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, cores()[:threads])
os.environ["JAX_PLATFORMS"] = "cpu"
try:
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax import lax
except ImportError as e:
    print(json.dumps({"missing": str(e)}), flush=True)
    sys.exit(0)

rng = np.random.default_rng(0)


def normal(*shape, std=None):
    std = 1 / np.sqrt(max(np.prod(shape[:-1]), 1)) if std is None else std
    return jnp.asarray(rng.standard_normal(shape) * std, jnp.float32)


def data(*shape):
    return normal(*shape, std=1.0)


def ids(n, *shape):
    return jnp.asarray(rng.integers(0, n, shape), jnp.int32)


def linear(i, o):
    return {"w": normal(i, o), "b": jnp.zeros(o)}


def dense(p, x):
    return x @ p["w"] + p["b"]


def conv(w, x, stride=1):
    pad = w.shape[0] // 2
    return lax.conv_general_dilated(x, w, (stride, stride), [(pad, pad)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def layer_norm(p, x):
    m = x.mean(-1, keepdims=True)
    v = jnp.square(x - m).mean(-1, keepdims=True)
    return (x - m) * lax.rsqrt(v + 1e-5) * p["w"] + p["b"]


def norm(d):
    return {"w": jnp.ones(d), "b": jnp.zeros(d)}


def entropy(logits, y):
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[..., None], -1).mean()


def attention(q, k, v, heads, causal):
    b, t, d = q.shape
    q, k, v = (a.reshape(b, a.shape[1], heads, d // heads) for a in (q, k, v))
    return jax.nn.dot_product_attention(q, k, v, is_causal=causal).reshape(b, t, d)


def stacked(make, n):
    return jax.tree.map(lambda *x: jnp.stack(x), *[make() for _ in range(n)])


def repeat(block, blocks, x):
    return lax.scan(lambda x, p: (block(p, x), None), x, blocks)[0]


def mlp():
    def forward(p, x):
        return dense(p[2], jax.nn.relu(dense(p[1], jax.nn.relu(dense(p[0], x)))))

    return [linear(784, 512), linear(512, 256), linear(256, 10)], forward


def cnn():
    weights = {"c1": normal(3, 3, 1, 32), "b1": jnp.zeros(32), "c2": normal(3, 3, 32, 64), "b2": jnp.zeros(64), "d1": linear(14 * 14 * 64, 128), "d2": linear(128, 10)}

    def forward(p, x):
        x = jax.nn.relu(conv(p["c1"], x) + p["b1"])
        x = jax.nn.relu(conv(p["c2"], x) + p["b2"])
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        return dense(p["d2"], jax.nn.relu(dense(p["d1"], x.reshape(x.shape[0], -1))))

    return weights, forward


def gpt():
    d = 384

    def make():
        return {"n1": norm(d), "qkv": linear(d, 3 * d), "out": linear(d, d), "n2": norm(d), "up": linear(d, 4 * d), "down": linear(4 * d, d)}

    def block(p, x):
        x = x + dense(p["out"], attention(*jnp.split(dense(p["qkv"], layer_norm(p["n1"], x)), 3, -1), 6, True))
        return x + dense(p["down"], jax.nn.gelu(dense(p["up"], layer_norm(p["n2"], x)), approximate=False))

    weights = {"embed": normal(65, d, std=0.02), "place": normal(256, d, std=0.02), "blocks": stacked(make, 6), "norm": norm(d), "head": normal(d, 65)}

    def forward(p, x):
        return layer_norm(p["norm"], repeat(block, p["blocks"], p["embed"][x] + p["place"])) @ p["head"]

    return weights, forward


STAGES = ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1))


def resnet18(train):
    # Running statistics are kept only by value: training uses those of the batch, as the model does, and their update costs next to nothing.
    def bn(p, x):
        m, v = (x.mean((0, 1, 2)), x.var((0, 1, 2))) if train else (p["m"], p["v"])
        return (x - m) * (lax.rsqrt(v + 1e-5) * p["w"]) + p["b"]

    def unit(c, o, k):
        return {"k": normal(k, k, c, o), "n": {**norm(o), "m": jnp.zeros(o), "v": jnp.ones(o)}}

    weights, c = {"stem": unit(3, 64, 3), "head": linear(512, 10), "blocks": []}, 64
    for o, s in STAGES:
        weights["blocks"].append({"a": unit(c, o, 3), "b": unit(o, o, 3), **({} if c == o and s == 1 else {"s": unit(c, o, 1)})})
        c = o

    def forward(p, x):
        x = jax.nn.relu(bn(p["stem"]["n"], conv(p["stem"]["k"], x)))
        for b, (_, s) in zip(p["blocks"], STAGES):
            short = bn(b["s"]["n"], conv(b["s"]["k"], x, s)) if "s" in b else x
            x = jax.nn.relu(bn(b["a"]["n"], conv(b["a"]["k"], x, s)))
            x = jax.nn.relu(bn(b["b"]["n"], conv(b["b"]["k"], x)) + short)
        return dense(p["head"], x.mean((1, 2)))

    return weights, forward


def lstm():
    n = 256

    def recurrent(p, x):
        z = (x @ p["w"] + p["b"]).swapaxes(0, 1)

        def cell(carry, z):
            h, c = carry
            i, f, g, o = jnp.split(z + h @ p["u"], 4, -1)
            c = jax.nn.sigmoid(f + 1) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        zero = jnp.zeros((x.shape[0], n))
        return lax.scan(cell, (zero, zero), z)[1].swapaxes(0, 1)

    def make():
        return {"w": normal(n, 4 * n), "u": normal(n, 4 * n), "b": jnp.zeros(4 * n)}

    def forward(p, x):
        return dense(p["head"], recurrent(p["second"], recurrent(p["first"], p["embed"][x])))

    return {"embed": normal(65, n, std=0.02), "first": make(), "second": make(), "head": linear(n, 65)}, forward


def seq2seq():
    d, hidden = 256, 1024
    angle = np.arange(64)[:, None] / 10000 ** (np.arange(0, d, 2) / d)
    place = jnp.asarray(np.stack([np.sin(angle), np.cos(angle)], -1).reshape(64, d), jnp.float32)

    def att():
        return {k: normal(d, d) for k in "qkvo"}

    def attend(p, x, memory, causal):
        return attention(x @ p["q"], memory @ p["k"], memory @ p["v"], 4, causal) @ p["o"]

    def ffn(p, x):
        return dense(p["down"], jax.nn.relu(dense(p["up"], x)))

    def encoder():
        return {"att": att(), "up": linear(d, hidden), "down": linear(hidden, d), "n1": norm(d), "n2": norm(d)}

    def decoder():
        return {**encoder(), "cross": att(), "n3": norm(d)}

    def encode(p, x):
        x = layer_norm(p["n1"], x + attend(p["att"], x, x, False))
        return layer_norm(p["n2"], x + ffn(p, x))

    def forward(p, x, said):
        memory = repeat(encode, p["encoder"], p["embed"][x] + place)

        def decode(q, h):
            h = layer_norm(q["n1"], h + attend(q["att"], h, h, True))
            h = layer_norm(q["n2"], h + attend(q["cross"], h, memory, False))
            return layer_norm(q["n3"], h + ffn(q, h))

        return repeat(decode, p["decoder"], p["embed"][said] + place) @ p["embed"].T

    return {"embed": normal(8000, d, std=0.02), "encoder": stacked(encoder, 3), "decoder": stacked(decoder, 3)}, forward


def recommender():
    def forward(p, u, i):
        x = jnp.concatenate([p["users"][u], p["items"][i]], -1)
        return dense(p["c"], jax.nn.relu(dense(p["b"], jax.nn.relu(dense(p["a"], x)))))[:, 0]

    weights = {"users": normal(100_000, 64, std=0.02), "items": normal(50_000, 64, std=0.02), "a": linear(128, 128), "b": linear(128, 64), "c": linear(64, 1)}
    return weights, forward


def binary(z, y):
    return (jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z)))).mean()


# name: network, inputs for a batch, labels for it, loss, decay of AdamW or None for SGD, batch
MODELS = {
    "w1": (mlp, lambda b: (data(b, 784),), lambda b: ids(10, b), entropy, 0.0, 128),
    "w2": (cnn, lambda b: (data(b, 28, 28, 1),), lambda b: ids(10, b), entropy, 0.0, 64),
    "w3": (gpt, lambda b: (ids(65, b, 256),), lambda b: ids(65, b, 256), entropy, 0.01, 12),
    "resnet18": (lambda: resnet18(True), lambda b: (data(b, 32, 32, 3),), lambda b: ids(10, b), entropy, None, 64),
    "lstm": (lstm, lambda b: (ids(65, b, 128),), lambda b: ids(65, b, 128), entropy, 0.0, 32),
    "transformer": (seq2seq, lambda b: (ids(8000, b, 64), ids(8000, b, 64)), lambda b: ids(8000, b, 64), entropy, 0.0, 16),
    "recommender": (recommender, lambda b: (ids(100_000, b), ids(50_000, b)), lambda b: data(b), binary, 0.0, 4096),
}


def training(name):
    make, inputs, labels, loss, decay, batch = MODELS[name]
    weights, forward = make()
    x, y = inputs(batch), labels(batch)

    def moments():
        return jax.tree.map(jnp.zeros_like, weights)

    def adam(state, g):
        w, m, v, t = state
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        a, b = 1 - 0.9**t, 1 - 0.999**t
        w = jax.tree.map(lambda w, m, v: w - 1e-3 * (m / a / (jnp.sqrt(v / b) + 1e-8) + decay * w), w, m, v)
        return w, m, v, t

    def sgd(state, g):
        w, m = state
        m = jax.tree.map(lambda m, g: 0.9 * m + g, m, g)
        return jax.tree.map(lambda w, m: w - 0.05 * m, w, m), m

    def step(state, x, y):
        value, g = jax.value_and_grad(lambda w: loss(forward(w, *x), y))(state[0])
        return (sgd if decay is None else adam)(state, g), value

    step = jax.jit(step, donate_argnums=0)
    state = (weights, moments()) if decay is None else (weights, moments(), moments(), jnp.float32(0))

    def call():
        nonlocal state
        state, value = step(state, x, y)
        value.block_until_ready()

    return call


def answer(name):
    make, inputs, *_ = MODELS[name]
    weights, forward = resnet18(False) if name == "resnet18" else make()
    x = inputs(1)
    # Weights that are part of the program are constants that XLA may fold and lay out.
    call = jax.jit(lambda *x: forward(weights, *x))
    return lambda: call(*x).block_until_ready()


def decode(past):
    weights, _ = gpt()
    weights["place"] = normal(2048, 384, std=0.02)
    cache = data(6, 2, 1, past + 1, 6, 64)

    def forward(cache, x):
        def block(h, layer):
            p, kv = layer
            q, k, v = (a.reshape(1, 1, 6, 64) for a in jnp.split(dense(p["qkv"], layer_norm(p["n1"], h)), 3, -1))
            kv = kv.at[0, :, past].set(k[:, 0]).at[1, :, past].set(v[:, 0])
            h = h + dense(p["out"], jax.nn.dot_product_attention(q, kv[0], kv[1]).reshape(1, 1, 384))
            return h + dense(p["down"], jax.nn.gelu(dense(p["up"], layer_norm(p["n2"], h)), approximate=False)), kv

        h, cache = lax.scan(block, weights["embed"][x] + weights["place"][past], (weights["blocks"], cache))
        return layer_norm(weights["norm"], h) @ weights["head"], cache

    step, x = jax.jit(forward, donate_argnums=0), ids(65, 1, 1)

    def call():
        nonlocal cache
        logits, cache = step(cache, x)
        logits.block_until_ready()

    return call


def product(batch, m, k, n):
    shape = (batch,) if batch > 1 else ()
    a, b = data(*shape, m, k), data(*shape, k, n)
    call = jax.jit(jnp.matmul)
    return lambda: call(a, b).block_until_ready()


def prepare(work):
    kind, *args = work
    if kind == "decode":
        return decode(int(args[0]))
    if kind == "gemm":
        return product(*map(int, args))
    return (training if kind == "step" else answer)(*args)


def peak():
    try:
        with open("/proc/self/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) * 1024 / 1e6
    except OSError:
        return -1


if sys.argv[1:2] == ["once"]:
    step = prepare(sys.argv[3:])
    step()
    print("first", flush=True)
    for _ in range(4):
        step()
    print("memory", peak(), flush=True)
    sys.exit(0)

columns = [{"name": "jit", "precision": "f32", "settings": "one jitted function a call, weights donated, NHWC", "once": True}]
print(json.dumps({"version": "JAX " + jax.__version__, "settings": f"CPU, {threads} threads by affinity", "columns": columns}), flush=True)

call, present = None, None
for line in sys.stdin:
    _, calls, *work = line.split()
    try:
        if work != present:
            call = None  # frees the one before
            call, present = prepare(work), work
        start = time.perf_counter()
        for _ in range(int(calls)):
            call()
        print(time.perf_counter() - start, flush=True)
    except Exception as e:
        print("failed", type(e).__name__, " ".join(str(e).split())[:200], flush=True)
