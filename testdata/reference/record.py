"""Records what PyTorch computes for the standard library's layers, functions, optimizers and schedules.

    python testdata/reference/record.py

writes one JSON file per family beside this script. Everything is computed in float64 from a fixed seed, so a second run with the
same versions writes the same bytes. A file is {"versions": {...}, "cases": [...]}; a case has a `kind`:

forward   `model` is source text that declares `model Reference` with `fn forward`. `inputs` are its arguments by name, `params` and
          `states` its slots by path, `training` its phase. `output` is the result. `gradients` are those of
          sum(output * cotangent), by the names of inputs and slots. `states_after` are the states after the call.
train     `model` declares `model Reference` without inputs and a `train` block without data. `params` are the weights at the start,
          `after` the weights after so many steps. For a schedule, `rates` are its values at every step.
metric    a metric of the host over a whole split: `metric` is its name, `inputs` its arguments, `output` its value.

An array is {"shape": [...], "dtype": "float" | "int" | "bool", "data": [...]}, last axis fastest.
"""

import json
import math
import pathlib
import platform

import numpy as np
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

HERE = pathlib.Path(__file__).parent


class Family:
    """The cases of one file, with random numbers of their own."""

    def __init__(self, name, seed):
        self.name, self.cases = name, []
        self.random = torch.Generator().manual_seed(seed)

    def normal(self, *shape, scale=1.0):
        # Nine digits: short in the file, and still the exact numbers that the reference was computed from.
        x = torch.randn(shape, generator=self.random) * scale
        return torch.tensor([float(f"{v:.9g}") for v in x.reshape(-1).tolist()]).reshape(shape)

    def ints(self, high, *shape):
        return torch.randint(high, shape, generator=self.random)

    def forward(self, name, model, compute, inputs=None, params=None, states=None, training=False, gradients=True, constant=()):
        """compute(inputs and params as one dict) returns the output, or (output, states after)."""
        inputs, params, states = inputs or {}, params or {}, states or {}
        leaves = {}
        for group in (inputs, params):
            for k, v in group.items():
                leaves[k] = v.clone().requires_grad_() if v.is_floating_point() and gradients and k not in constant else v.clone()
        out = compute({**leaves, **states})
        out, after = out if isinstance(out, tuple) else (out, None)
        case = {"name": name, "kind": "forward", "model": model, "training": training}
        if inputs:
            case["inputs"] = {k: array(v) for k, v in inputs.items()}
        if params:
            case["params"] = {k: array(v) for k, v in params.items()}
        if states:
            case["states"] = {k: array(v) for k, v in states.items()}
        case["output"] = array(out.detach())
        if gradients:
            cotangent = self.normal(*out.shape)
            moved = {k: v for k, v in leaves.items() if v.requires_grad}
            found = torch.autograd.grad((out * cotangent).sum(), list(moved.values()))
            case["cotangent"] = array(cotangent)
            case["gradients"] = {k: array(g) for k, g in zip(moved, found)}
        if after:
            case["states_after"] = {k: array(v.detach()) for k, v in after.items()}
        self.cases.append(case)

    def metric(self, name, metric, inputs, output):
        self.cases.append({"name": name, "kind": "metric", "metric": metric,
                           "inputs": {k: array(v) for k, v in inputs.items()}, "output": array(torch.as_tensor(output))})

    def write(self):
        head = {"torch": torch.__version__, "numpy": np.__version__, "python": platform.python_version()}
        lines = [json.dumps(c, ensure_ascii=False, separators=(", ", ": ")) for c in self.cases]
        text = '{"versions": ' + json.dumps(head) + ', "cases": [\n' + ",\n".join(lines) + "\n]}\n"
        (HERE / f"{self.name}.json").write_text(text, encoding="utf-8")


def array(x):
    kind = "bool" if x.dtype == torch.bool else "float" if x.is_floating_point() else "int"
    flat = x.contiguous().reshape(-1).tolist()
    assert all(math.isfinite(v) for v in flat)
    return {"shape": list(x.shape), "dtype": kind, "data": flat}


def sizes(x):
    return "[" + ", ".join(str(n) for n in x.shape) + "]" if x.dim() else ""


def function(args, result, call):
    """Source of a Reference that only calls a function of the library."""
    return f"model Reference {{\n  fn forward({args}) -> {result} = {call}\n}}\n"


def layer(constructor, args, result, call):
    """Source of a Reference that owns one layer named `body`."""
    return f"model Reference {{\n  body = {constructor}\n  fn forward({args}) -> {result} = {call}\n}}\n"


# --------------------------------------------------------------------------------------------------------------------------------


def activations():
    f = Family("activation", 1)
    x = f.normal(3, 8, scale=2.5)
    table = {
        "relu(x)": F.relu,
        "relu6(x)": F.relu6,
        "leaky_relu(x)": F.leaky_relu,
        "leaky_relu(x, 0.2)": lambda v: F.leaky_relu(v, 0.2),
        "elu(x)": F.elu,
        "elu(x, alpha=0.7)": lambda v: F.elu(v, 0.7),
        "selu(x)": F.selu,
        "gelu(x)": F.gelu,
        "gelu_tanh(x)": lambda v: F.gelu(v, approximate="tanh"),
        "silu(x)": F.silu,
        "mish(x)": F.mish,
        "softplus(x)": F.softplus,
        "softsign(x)": F.softsign,
        "log_sigmoid(x)": F.logsigmoid,
        "hard_tanh(x)": F.hardtanh,
        "hard_sigmoid(x)": F.hardsigmoid,
        "hard_silu(x)": F.hardswish,
        "sigmoid(x)": torch.sigmoid,
        "tanh(x)": torch.tanh,
        "erf(x)": torch.erf,
        "softmax[last](x)": lambda v: F.softmax(v, -1),
        "log_softmax[last](x)": lambda v: F.log_softmax(v, -1),
    }
    for call, compute in table.items():
        f.forward(call, function("x: float[3, 8]", "float[3, 8]", call), lambda t, g=compute: g(t["x"]), {"x": x})
    f.forward("glu(x)", function("x: float[3, 8]", "float[3, 4]", "glu(x)"), lambda t: F.glu(t["x"]), {"x": x})
    f.forward("swiglu(x)", function("x: float[3, 8]", "float[3, 4]", "swiglu(x)"),
              lambda t: F.silu(t["x"][:, :4]) * t["x"][:, 4:], {"x": x})
    z = f.normal(2, 3, 4)
    f.forward("PReLU", layer("PReLU()", "x: float[2, 3, 4]", "float[2, 3, 4]", "body(x)"),
              lambda t: F.prelu(t["x"], t["body.a"]), {"x": z}, {"body.a": f.normal(3, scale=0.3)})
    f.write()


def losses():
    f = Family("loss", 2)
    logits, y = f.normal(6, 5, scale=2.0), f.ints(5, 6)
    weight = torch.tensor([1.0, 0.5, 0.0, 2.0, 1.0, 0.25])
    pair = "logits: float[6, 5], y: id(5)[6]"
    both = {"logits": logits, "y": y}

    f.forward("cross_entropy", function(pair, "f32", "cross_entropy(logits, y)"),
              lambda t: F.cross_entropy(t["logits"], t["y"]), both)
    f.forward("cross_entropy, smoothed", function(pair, "f32", "cross_entropy(logits, y, smooth=0.1)"),
              lambda t: F.cross_entropy(t["logits"], t["y"], label_smoothing=0.1), both)
    f.forward("cross_entropy, weighted",
              function(pair + ", weight: f32[6]", "f32", "cross_entropy(logits, y, weight=weight)"),
              lambda t: (F.cross_entropy(t["logits"], t["y"], reduction="none") * t["weight"]).sum() / t["weight"].sum(),
              {**both, "weight": weight})
    f.forward("cross_entropy, class weights",
              "model Reference {\n  fn forward(logits: float[6, 5], y: id(5)[6], balance: f32[5]) -> f32 {\n"
              "    w[b] = balance[y[b]]\n    return cross_entropy(logits, y, weight=w)\n  }\n}\n",
              lambda t: F.cross_entropy(t["logits"], t["y"], weight=t["balance"]),
              {**both, "balance": torch.tensor([0.5, 1.0, 2.0, 1.5, 0.25])}, constant=("balance",))
    deep, ids = f.normal(2, 3, 4), f.ints(4, 2, 3)
    f.forward("cross_entropy of sequences", function("logits: float[2, 3, 4], y: id(4)[2, 3]", "f32", "cross_entropy(logits, y)"),
              lambda t: F.cross_entropy(t["logits"].reshape(6, 4), t["y"].reshape(6)), {"logits": deep, "y": ids})
    f.forward("nll", function("logp: float[6, 5], y: id(5)[6]", "f32", "nll(logp, y)"),
              lambda t: F.nll_loss(t["logp"], t["y"]), {"logp": F.log_softmax(logits, -1), "y": y})
    f.forward("perplexity", function(pair, "f32", "perplexity(logits, y)"),
              lambda t: F.cross_entropy(t["logits"], t["y"]).exp(), both)
    f.forward("multi_hinge", function(pair, "f32", "multi_hinge(logits, y)"),
              lambda t: F.multi_margin_loss(t["logits"], t["y"]), both)

    u, v = f.normal(4, 3, scale=1.5), f.normal(4, 3)
    share = torch.sigmoid(f.normal(4, 3))
    two = "x: float[4, 3], y: float[4, 3]"
    xy = {"x": u, "y": v}
    sides = torch.where(v > 0, 1.0, -1.0)
    for call, compute, args in [
        ("mse(x, y)", F.mse_loss, xy),
        ("mae(x, y)", F.l1_loss, xy),
        ("huber(x, y)", F.huber_loss, xy),
        ("huber(x, y, delta=0.5)", lambda a, b: F.huber_loss(a, b, delta=0.5), xy),
        ("log_cosh(x, y)", lambda a, b: torch.log(torch.cosh(a - b)).mean(), xy),
        ("hinge(x, y)", lambda a, b: F.relu(1 - a * b).mean(), {"x": u, "y": sides}),
        ("bce(x, y)", F.binary_cross_entropy_with_logits, {"x": u, "y": share}),
        ("poisson(x, y)", lambda a, b: F.poisson_nll_loss(a, b, log_input=True), {"x": u, "y": v.abs()}),
        ("rmse(x, y)", lambda a, b: F.mse_loss(a, b).sqrt(), xy),
        ("r2(x, y)", lambda a, b: 1 - ((a - b) ** 2).sum() / ((b - b.mean()) ** 2).sum(), xy),
    ]:
        f.forward(call, function(two, "f32", call), lambda t, g=compute: g(t["x"], t["y"]), args)
    f.forward("bce, weighted", function(two + ", weight: f32[4, 3]", "f32", "bce(x, y, weight=weight)"),
              lambda t: (F.binary_cross_entropy_with_logits(t["x"], t["y"], reduction="none") * t["weight"]).sum() / t["weight"].sum(),
              {"x": u, "y": share, "weight": f.normal(4, 3).abs()})
    f.forward("focal", function(two, "f32", "focal(x, y)"),
              lambda t: ((t["y"] * (1 - torch.sigmoid(t["x"])) + (1 - t["y"]) * torch.sigmoid(t["x"])) ** 2
                         * F.binary_cross_entropy_with_logits(t["x"], t["y"], reduction="none")).mean(),
              {"x": u, "y": (v > 0).double()})
    f.forward("dice", function(two, "f32", "dice(x, y)"),
              lambda t: 1 - (2 * (torch.sigmoid(t["x"]) * t["y"]).sum() + 1) / (torch.sigmoid(t["x"]).sum() + t["y"].sum() + 1),
              {"x": u, "y": (v > 0).double()})
    f.forward("kl", function("p: float[4, 3], q: float[4, 3]", "f32", "kl(p, q)"),
              lambda t: F.kl_div(t["q"].log(), t["p"], reduction="batchmean"),
              {"p": F.softmax(u, -1), "q": F.softmax(v, -1)})
    f.forward("gaussian", function("mu: float[4, 3], v: float[4, 3], y: float[4, 3]", "f32", "gaussian(mu, v, y)"),
              lambda t: F.gaussian_nll_loss(t["mu"], t["y"], t["v"].exp()), {"mu": u, "v": v, "y": f.normal(4, 3)})
    f.forward("triplet", function("a: float[4, 3], p: float[4, 3], n: float[4, 3]", "f32", "triplet(a, p, n)"),
              lambda t: F.relu(((t["a"] - t["p"]) ** 2).sum(-1).add(1e-12).sqrt() - ((t["a"] - t["n"]) ** 2).sum(-1).add(1e-12).sqrt() + 1).mean(),
              {"a": u, "p": v, "n": f.normal(4, 3)})
    f.write()


def metrics():
    f = Family("metric", 3)
    logits, y = f.normal(40, 5), f.ints(5, 40)
    pair = "logits: float[40, 5], y: id(5)[40]"
    both = {"logits": logits, "y": y}
    f.forward("accuracy", function(pair, "f32", "accuracy(logits, y)"),
              lambda t: (t["logits"].argmax(-1) == t["y"]).double().mean(), both, gradients=False)
    f.forward("top_accuracy", function(pair, "f32", "top_accuracy(logits, y, top=2)"),
              lambda t: (t["logits"].topk(2).indices == t["y"][:, None]).any(-1).double().mean(), both, gradients=False)
    said, true = logits[:, 0] > 0.2, logits[:, 0] + f.normal(40) > 0.5
    tp, fp, fn = (said & true).sum().item(), (said & ~true).sum().item(), (~said & true).sum().item()
    for call, value in [("precision(said, is)", tp / (tp + fp)), ("recall(said, is)", tp / (tp + fn)),
                        ("f1(said, is)", 2 * tp / (2 * tp + fp + fn)), ("iou(said, is)", tp / (tp + fp + fn))]:
        f.forward(call, function("said: bool[40], is: bool[40]", "f32", call), lambda t, v=value: torch.tensor(v),
                  {"said": said, "is": true}, gradients=False)
    guess = logits.argmax(-1)
    scores = []
    for c in range(5):
        a, b = guess == c, y == c
        scores.append(2 * (a & b).sum().item() / max((a.sum() + b.sum()).item(), 1))
    f.forward("macro_f1", function("said: id(5)[40], is: id(5)[40]", "f32", "macro_f1(said, is)"),
              lambda t: torch.tensor(sum(scores) / 5), {"said": guess, "is": y}, gradients=False)
    f.forward("cosine_similarity", function("x: float[4, 6], y: float[4, 6]", "f32[4]", "cosine_similarity(x, y)"),
              lambda t: F.cosine_similarity(t["x"], t["y"]), {"x": f.normal(4, 6), "y": f.normal(4, 6)})
    f.forward("unit", function("x: float[4, 6]", "float[4, 6]", "unit(x)"), lambda t: F.normalize(t["x"]), {"x": f.normal(4, 6)})

    # Area under the curve as the share of (true, false) pairs in the right order, ties half (Mann & Whitney 1947).
    score = (logits[:, 0] * 4).round() / 4
    high, low = score[true], score[~true]
    order = (high[:, None] > low[None, :]).double() + 0.5 * (high[:, None] == low[None, :]).double()
    f.metric("auc", "auc", {"scores": score, "labels": true}, order.mean())
    counts = torch.zeros(5, 5, dtype=torch.int64)
    for a, b in zip(y.tolist(), guess.tolist()):
        counts[a, b] += 1
    f.metric("confusion: rows are true, columns are said", "confusion", {"labels": y, "predictions": guess}, counts)
    f.write()


def normalization():
    f = Family("normalization", 4)
    x = f.normal(3, 4, 6, scale=2.0) + 0.5
    gain, shift = 1 + f.normal(6, scale=0.2), f.normal(6, scale=0.2)
    f.forward("LayerNorm", layer("LayerNorm()", "x: float[3, 4, 6]", "float[3, 4, 6]", "body(x)"),
              lambda t: F.layer_norm(t["x"], (6,), t["body.gain"], t["body.shift"], 1e-5),
              {"x": x}, {"body.gain": gain, "body.shift": shift})
    f.forward("RMSNorm", layer("RMSNorm()", "x: float[3, 4, 6]", "float[3, 4, 6]", "body(x)"),
              lambda t: F.rms_norm(t["x"], (6,), t["body.gain"], 1e-6), {"x": x}, {"body.gain": gain})
    z = f.normal(4, 6, 3, 2, scale=2.0) + 0.5
    text = layer("GroupNorm(3)", "x: float[4, 6, 3, 2]", "float[4, 6, 3, 2]", "body(x)")
    f.forward("GroupNorm", text, lambda t: F.group_norm(t["x"], 3, t["body.gain"], t["body.shift"], 1e-5),
              {"x": z}, {"body.gain": gain, "body.shift": shift})
    states = {"body.mu": f.normal(6, scale=0.3), "body.var": 1 + f.normal(6, scale=0.1)}
    text = layer("BatchNorm()", "x: float[4, 6, 3, 2]", "float[4, 6, 3, 2]", "body(x)")
    f.forward("BatchNorm at rest", text,
              lambda t: F.batch_norm(t["x"], t["body.mu"], t["body.var"], t["body.gain"], t["body.shift"], False, 0.0, 1e-5),
              {"x": z}, {"body.gain": gain, "body.shift": shift}, states)

    def training(t):
        out = F.batch_norm(t["x"], None, None, t["body.gain"], t["body.shift"], True, 0.0, 1e-5)
        m = t["x"].mean((0, 2, 3))
        v = t["x"].var((0, 2, 3), unbiased=False)       # the library's running variance divides by the count
        return out, {"body.mu": 0.9 * t["body.mu"] + 0.1 * m, "body.var": 0.9 * t["body.var"] + 0.1 * v}

    f.forward("BatchNorm in training", text, training, {"x": z}, {"body.gain": gain, "body.shift": shift}, states, training=True)
    rows = f.normal(8, 6)
    f.forward("BatchNorm of rows in training", layer("BatchNorm()", "x: float[8, 6]", "float[8, 6]", "body(x)"),
              lambda t: F.batch_norm(t["x"], None, None, t["body.gain"], t["body.shift"], True, 0.0, 1e-5),
              {"x": rows}, {"body.gain": gain, "body.shift": shift},
              {"body.mu": torch.zeros(6), "body.var": torch.ones(6)}, training=True)
    f.write()


def convolution():
    f = Family("convolution", 5)
    x = f.normal(2, 3, 7, 6)
    for args, options in [("4", {}), ("4, kernel=3, pad=0", {"padding": 0}), ("4, stride=2", {"stride": 2}),
                          ("4, kernel=1", {"padding": 0}), ("4, kernel=4, stride=2, pad=1", {"stride": 2, "padding": 1}),
                          ("4, dilation=2", {"dilation": 2, "padding": 2}), ("4, kernel=5, stride=3, pad=2", {"stride": 3, "padding": 2})]:
        k = int(args.split("kernel=")[1].split(",")[0]) if "kernel=" in args else 3
        options = {"padding": k // 2, **options}
        w, b = f.normal(4, 3, k, k, scale=0.3), f.normal(4)
        out = F.conv2d(x, w, b, **options)
        f.forward(f"Conv2D({args})", layer(f"Conv2D({args})", "x: float[2, 3, 7, 6]", "float" + sizes(out), "body(x)"),
                  lambda t, o=options: F.conv2d(t["x"], t["body.w"], t["body.b"], **o), {"x": x}, {"body.w": w, "body.b": b})
    w = f.normal(4, 3, 3, 3, scale=0.3)
    f.forward("Conv2D without bias", layer("Conv2D(4, bias=false)", "x: float[2, 3, 7, 6]", "float[2, 4, 7, 6]", "body(x)"),
              lambda t: F.conv2d(t["x"], t["body.w"], padding=1), {"x": x}, {"body.w": w})
    for args, options in [("", {"padding": 1}), ("stride=2", {"stride": 2, "padding": 1})]:
        w, b = f.normal(3, 3, 3, scale=0.3), f.normal(3)
        out = F.conv2d(x, w[:, None], b, groups=3, **options)
        f.forward(f"DepthwiseConv2D({args})", layer(f"DepthwiseConv2D({args})", "x: float[2, 3, 7, 6]", "float" + sizes(out), "body(x)"),
                  lambda t, o=options: F.conv2d(t["x"], t["body.w"][:, None], t["body.b"], groups=3, **o),
                  {"x": x}, {"body.w": w, "body.b": b})
    for args, k, options in [("2", 4, {"stride": 2, "padding": 1}), ("2, kernel=3, stride=1, pad=1", 3, {"padding": 1}),
                             ("2, kernel=3, stride=2, pad=0", 3, {"stride": 2}), ("2, kernel=2, stride=3, pad=0", 2, {"stride": 3})]:
        w, b = f.normal(3, 2, k, k, scale=0.3), f.normal(2)
        out = F.conv_transpose2d(x, w, b, **options)
        f.forward(f"ConvTranspose2D({args})", layer(f"ConvTranspose2D({args})", "x: float[2, 3, 7, 6]", "float" + sizes(out), "body(x)"),
                  lambda t, o=options: F.conv_transpose2d(t["x"], t["body.w"], t["body.b"], **o), {"x": x}, {"body.w": w, "body.b": b})
    s = f.normal(2, 3, 10)
    for args, options in [("4", {"padding": 1}), ("4, stride=2", {"stride": 2, "padding": 1}), ("4, dilation=3", {"dilation": 3, "padding": 3})]:
        w, b = f.normal(4, 3, 3, scale=0.3), f.normal(4)
        out = F.conv1d(s, w, b, **options)
        f.forward(f"Conv1D({args})", layer(f"Conv1D({args})", "x: float[2, 3, 10]", "float" + sizes(out), "body(x)"),
                  lambda t, o=options: F.conv1d(t["x"], t["body.w"], t["body.b"], **o), {"x": s}, {"body.w": w, "body.b": b})
    f.write()


def pooling():
    f = Family("pooling", 6)
    x = f.normal(2, 2, 7, 6)
    for call, compute in [
        ("max_pool(x, 2)", lambda v: F.max_pool2d(v, 2)),
        ("max_pool(x, 3, stride=2, pad=1)", lambda v: F.max_pool2d(v, 3, 2, 1)),
        ("max_pool(x, 3, stride=1)", lambda v: F.max_pool2d(v, 3, 1)),
        ("avg_pool(x, 2)", lambda v: F.avg_pool2d(v, 2)),
        ("avg_pool(x, 3, stride=2, pad=1)", lambda v: F.avg_pool2d(v, 3, 2, 1)),
        ("global_avg_pool(x)", lambda v: v.mean((2, 3))),
        ("global_max_pool(x)", lambda v: v.amax((2, 3))),
        ("upsample(x, 2)", lambda v: F.interpolate(v, scale_factor=2, mode="nearest")),
        ("flatten(x)", lambda v: v.flatten(1)),
    ]:
        f.forward(call, function("x: float[2, 2, 7, 6]", "float" + sizes(compute(x)), call), lambda t, g=compute: g(t["x"]), {"x": x})
    s = f.normal(2, 3, 9)
    for call, compute in [("max_pool_1d(x, 2)", lambda v: F.max_pool1d(v, 2)), ("max_pool_1d(x, 3, stride=2, pad=1)", lambda v: F.max_pool1d(v, 3, 2, 1)),
                          ("avg_pool_1d(x, 3, stride=2, pad=1)", lambda v: F.avg_pool1d(v, 3, 2, 1))]:
        f.forward(call, function("x: float[2, 3, 9]", "float" + sizes(compute(s)), call), lambda t, g=compute: g(t["x"]), {"x": s})
    z = f.normal(2, 8, 2, 3)
    f.forward("pixel_shuffle(x, 2, 2)", function("x: float[2, 8, 2, 3]", "float[2, 2, 4, 6]", "pixel_shuffle(x, 2, 2)"),
              lambda t: F.pixel_shuffle(t["x"], 2), {"x": z})
    q = f.normal(2, 2, 4, 6)
    f.forward("patches(x, 2)", function("x: float[2, 2, 4, 6]", "float[2, 6, 8]", "patches(x, 2)"),
              lambda t: F.unfold(t["x"], 2, stride=2).transpose(1, 2), {"x": q})
    f.write()


def rope(x, base=10000.0):
    """x is [B, T, ..., e]; the two halves of the last axis are the pairs."""
    t, e = x.shape[1], x.shape[-1]
    angle = torch.arange(t)[:, None] / base ** (2 * torch.arange(e // 2) / e)
    angle = angle.reshape([t] + [1] * (x.dim() - 3) + [e // 2])
    u, v = x[..., : e // 2], x[..., e // 2:]
    return torch.cat([u * angle.cos() - v * angle.sin(), u * angle.sin() + v * angle.cos()], -1)


def attend(t, mem, heads, kv, causal=False, rotary=False, keep=None):
    """The layer's formula on PyTorch's own attention: queries [d, kv, heads/kv, e], keys and values [m, kv, e]."""
    x = t["x"]
    q = torch.einsum("bia,agrc->bigrc", x, t["body.wq"])
    k = torch.einsum("bja,agc->bjgc", mem, t["body.wk"])
    v = torch.einsum("bja,agc->bjgc", mem, t["body.wv"])
    if rotary:
        q, k = rope(q), rope(k)
    b, n, _, _, e = q.shape
    q = q.reshape(b, n, heads, e).transpose(1, 2)
    k = k.repeat_interleave(heads // kv, 2).transpose(1, 2)
    v = v.repeat_interleave(heads // kv, 2).transpose(1, 2)
    mask = None if keep is None else keep[:, None, None, :]
    o = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
    o = o.transpose(1, 2).reshape(b, n, kv, heads // kv, e)
    return torch.einsum("bigrc,grca->bia", o, t["body.wo"])


def attention():
    f = Family("attention", 7)
    for name, heads, kv, causal, rotary in [("plain", 2, 2, False, False), ("causal", 2, 2, True, False),
                                            ("grouped, causal", 4, 2, True, False), ("rotary, grouped, causal", 4, 1, True, True)]:
        d, e = 8, 8 // heads
        params = {"body.wq": f.normal(d, kv, heads // kv, e, scale=0.4), "body.wk": f.normal(d, kv, e, scale=0.4),
                  "body.wv": f.normal(d, kv, e, scale=0.4), "body.wo": f.normal(kv, heads // kv, e, d, scale=0.4)}
        options = f"heads={heads}, kv={kv}" + (", causal=true" if causal else "") + (", rotary=true" if rotary else "")
        f.forward(f"MultiHeadAttention, {name}",
                  layer(f"MultiHeadAttention({options})", "x: float[2, 5, 8]", "float[2, 5, 8]", "body(x, x)"),
                  lambda t, h=heads, g=kv, c=causal, r=rotary: attend(t, t["x"], h, g, c, r), {"x": f.normal(2, 5, 8)}, params)
    params = {"body.wq": f.normal(8, 2, 1, 4, scale=0.4), "body.wk": f.normal(6, 2, 4, scale=0.4),
              "body.wv": f.normal(6, 2, 4, scale=0.4), "body.wo": f.normal(2, 1, 4, 8, scale=0.4)}
    keep = torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    f.forward("MultiHeadAttention over a padded memory",
              layer("MultiHeadAttention(heads=2)", "x: float[2, 5, 8], mem: float[2, 7, 6], keep: bool[2, 7]", "float[2, 5, 8]", "body(x, mem, keep)"),
              lambda t: attend(t, t["mem"], 2, 2, keep=t["keep"]),
              {"x": f.normal(2, 5, 8), "mem": f.normal(2, 7, 6), "keep": keep}, params)
    f.forward("rope", function("x: float[2, 5, 3, 8]", "float[2, 5, 3, 8]", "rope(x)"), lambda t: rope(t["x"]), {"x": f.normal(2, 5, 3, 8)})
    f.forward("rope with another base", function("x: float[2, 5, 8]", "float[2, 5, 8]", "rope(x, base=100.0)"),
              lambda t: rope(t["x"], 100.0), {"x": f.normal(2, 5, 8)})
    f.write()


def dense():
    f = Family("linear", 8)
    x = f.normal(2, 3, 4)
    w, b = f.normal(4, 5, scale=0.5), f.normal(5)
    f.forward("Dense", layer("Dense(5)", "x: float[2, 3, 4]", "float[2, 3, 5]", "body(x)"),
              lambda t: F.linear(t["x"], t["body.w"].T, t["body.b"]), {"x": x}, {"body.w": w, "body.b": b})
    f.forward("Dense without bias", layer("Dense(5, bias=false)", "x: float[2, 3, 4]", "float[2, 3, 5]", "body(x)"),
              lambda t: t["x"] @ t["body.w"], {"x": x}, {"body.w": w})
    f.forward("SwiGLU", layer("SwiGLU(6)", "x: float[2, 3, 4]", "float[2, 3, 4]", "body(x)"),
              lambda t: (F.silu(t["x"] @ t["body.gate.w"]) * (t["x"] @ t["body.up.w"])) @ t["body.down.w"], {"x": x},
              {"body.gate.w": f.normal(4, 6, scale=0.5), "body.up.w": f.normal(4, 6, scale=0.5), "body.down.w": f.normal(6, 4, scale=0.5)})
    f.forward("LoRA",
              "model Reference {\n  base = Dense(5, bias=false)\n  body = LoRA(base, rank=2, alpha=4.0)\n"
              "  fn forward(x: float[2, 3, 4]) -> float[2, 3, 5] = body(x)\n}\n",
              lambda t: t["x"] @ t["base.w"] + t["x"] @ t["body.a"] @ t["body.b"] * 2.0, {"x": x},
              {"base.w": f.normal(4, 5), "body.a": f.normal(4, 2), "body.b": f.normal(2, 5)})
    f.forward("a list of layers", layer("[Dense(6), relu, Dense(3)]", "x: float[5, 4]", "float[5, 3]", "body(x)"),
              lambda t: F.relu(t["x"] @ t["body.0.w"] + t["body.0.b"]) @ t["body.2.w"] + t["body.2.b"], {"x": f.normal(5, 4)},
              {"body.0.w": f.normal(4, 6), "body.0.b": f.normal(6), "body.2.w": f.normal(6, 3), "body.2.b": f.normal(3)})
    f.write()


def embedding():
    f = Family("embedding", 9)
    ids = torch.tensor([[1, 4, 1], [0, 6, 4]])
    f.forward("Embedding, with repeated ids", layer("Embedding(7, 4)", "y: id(7)[2, 3]", "float[2, 3, 4]", "body(y)"),
              lambda t: F.embedding(t["y"], t["body.table"]), {"y": ids}, {"body.table": f.normal(7, 4)})
    f.forward("LearnedPositions", layer("LearnedPositions(6)", "x: float[2, 4, 3]", "float[2, 4, 3]", "body(x)"),
              lambda t: t["x"] + t["body.table"][:4], {"x": f.normal(2, 4, 3)}, {"body.table": f.normal(6, 3)})

    def waves(t):
        n, d = t["x"].shape[1:]
        angle = torch.arange(n)[:, None] / 10000.0 ** (2 * torch.arange(d // 2) / d)
        return t["x"] + torch.stack([angle.sin(), angle.cos()], -1).reshape(n, d)

    f.forward("sinusoidal", function("x: float[2, 5, 6]", "float[2, 5, 6]", "sinusoidal(x)"), waves, {"x": f.normal(2, 5, 6)})
    f.forward("one_hot", function("y: id(7)[2, 3]", "f32[2, 3, 7]", "one_hot(y)"),
              lambda t: F.one_hot(t["y"], 7).double(), {"y": ids}, gradients=False)
    f.write()


def run_lstm(t, x, at="body"):
    w, u, b = t[at + ".w"], t[at + ".u"], t[at + ".b"]
    n = u.shape[0]
    ones = torch.cat([torch.zeros(n), torch.ones(n), torch.zeros(2 * n)])   # the forget gate's bias begins at 1
    net = torch.nn.LSTM(w.shape[0], n, batch_first=True)
    weights = {"weight_ih_l0": w.T, "weight_hh_l0": u.T, "bias_ih_l0": b, "bias_hh_l0": ones}
    return torch.func.functional_call(net, weights, (x,))[0]


def run_gru(t, x, at="body"):
    w, u = t[at + ".w"], t[at + ".u"]
    net = torch.nn.GRU(w.shape[0], u.shape[0], batch_first=True)
    weights = {"weight_ih_l0": w.T, "weight_hh_l0": u.T, "bias_ih_l0": t[at + ".b"], "bias_hh_l0": t[at + ".s"]}
    return torch.func.functional_call(net, weights, (x,))[0]


def held(y, length):
    """Rows of y [B, T, n] after their length repeat the last one before it."""
    return torch.stack([torch.cat([row[:k], row[k - 1:k].expand(len(row) - k, -1)]) for row, k in zip(y, length)])


def recurrent():
    f = Family("recurrent", 10)
    x = f.normal(3, 5, 4)
    length = [5, 3, 1]
    keep = torch.tensor([[t < n for t in range(5)] for n in length])
    lstm = {"body.w": f.normal(4, 12, scale=0.5), "body.u": f.normal(3, 12, scale=0.5), "body.b": f.normal(12, scale=0.3)}
    gru = {"body.w": f.normal(4, 9, scale=0.5), "body.u": f.normal(3, 9, scale=0.5), "body.b": f.normal(9, scale=0.3), "body.s": f.normal(9, scale=0.3)}
    for name, params, compute in [("LSTM", lstm, run_lstm), ("GRU", gru, run_gru)]:
        f.forward(name, layer(f"{name}(3)", "x: float[3, 5, 4]", "float[3, 5, 3]", "body(x)"),
                  lambda t, g=compute: g(t, t["x"]), {"x": x}, params)
        f.forward(f"{name} over padding", layer(f"{name}(3)", "x: float[3, 5, 4], keep: bool[3, 5]", "float[3, 5, 3]", "body(x, keep)"),
                  lambda t, g=compute: held(g(t, t["x"]), length), {"x": x, "keep": keep}, params)

    def both_ways(t, ends):
        rows = []
        for r, n in enumerate(ends):
            row = t["x"][r:r + 1, :n]
            a = run_lstm(t, row, "ahead")
            b = run_gru(t, row.flip(1), "back").flip(1)
            rest = t["x"].shape[1] - n
            a = torch.cat([a, a[:, -1:].expand(-1, rest, -1)], 1)
            b = torch.cat([b, b[:, :1].expand(-1, rest, -1)], 1)            # what it holds is what it read last: position 0
            rows.append(torch.cat([a, b], -1))
        return torch.cat(rows)

    params = {**{k.replace("body", "ahead"): v for k, v in lstm.items()}, **{k.replace("body", "back"): v for k, v in gru.items()}}
    source = ("model Reference {\n  ahead = LSTM(3)\n  back = GRU(3)\n  both = Bidirectional(ahead, back)\n"
              "  fn forward(%s) -> float[3, 5, 6] = both(%s)\n}\n")
    f.forward("Bidirectional", source % ("x: float[3, 5, 4]", "x"), lambda t: both_ways(t, [5, 5, 5]), {"x": x}, params)
    f.forward("Bidirectional over padding", source % ("x: float[3, 5, 4], keep: bool[3, 5]", "x, keep"),
              lambda t: both_ways(t, length), {"x": x, "keep": keep}, params)
    f.write()


# --------------------------------------------------------------------------------------------------------------------------------

PROBLEM = """model Reference {
  param w: float[4, 3] = zeros
  param b: float[3] = zeros
  fn forward() -> f32 {
    t[i: 4, j: 3] = sin(f32(i * 3 + j) + 0.1 * step)
    y[i, j] = tanh(w[i, j]) + b[j] - t[i, j]
    return sum(y^2) / 2
  }
}

train fit {
  net       = Reference()
  loss      = net()
  optimizer = %s
  steps     = 100
}
"""


def problem(w, b, step):
    t = torch.sin(torch.arange(12.0).reshape(4, 3) + 0.1 * step)
    return ((torch.tanh(w) + b - t) ** 2).sum() / 2


class Lion:
    """Chen et al. 2023, algorithm 2; no decay on vectors, as in the library."""

    def __init__(self, weights, lr, betas, decay):
        self.weights, self.lr, self.betas, self.decay = weights, lr, betas, decay
        self.m = [torch.zeros_like(w) for w in weights]

    @torch.no_grad()
    def step(self):
        for w, m in zip(self.weights, self.m):
            b1, b2 = self.betas
            turn = torch.sign(b1 * m + (1 - b1) * w.grad)
            m.mul_(b2).add_(w.grad, alpha=1 - b2)
            w -= self.lr * (turn + (self.decay * w if w.dim() >= 2 else 0))

    def zero_grad(self):
        for w in self.weights:
            w.grad = None


class Muon:
    """torch.optim.Muon's formula in float64 (its own turns run in bfloat16); matrices only, vectors get plain descent."""

    def __init__(self, matrix, vector, lr, momentum, decay, rest):
        self.matrix, self.vector, self.lr, self.momentum, self.decay, self.rest = matrix, vector, lr, momentum, decay, rest
        self.m = torch.zeros_like(matrix)

    @torch.no_grad()
    def step(self):
        w, g = self.matrix, self.matrix.grad
        self.m.lerp_(g, 1 - self.momentum)
        x = g.lerp(self.m, self.momentum)
        x = x / x.norm().clamp(min=1e-7)
        for _ in range(5):
            p = x @ x.T
            x = 3.4445 * x + (-4.775 * p + 2.0315 * p @ p) @ x
        w *= 1 - self.lr * self.decay
        w -= self.lr * math.sqrt(max(1, w.shape[0] / w.shape[1])) * x
        self.vector -= self.rest * self.vector.grad

    def zero_grad(self):
        self.matrix.grad = self.vector.grad = None


def groups(w, b, decay):
    return [{"params": [w], "weight_decay": decay}, {"params": [b], "weight_decay": 0.0}]


def optimizers():
    f = Family("optimizer", 11)
    start_w, start_b = f.normal(4, 3), f.normal(3)
    o = torch.optim
    for source, make in [
        ("SGD(0.1)", lambda w, b: o.SGD([w, b], 0.1)),
        ("SGD(0.1, momentum=0.9)", lambda w, b: o.SGD([w, b], 0.1, momentum=0.9)),
        ("SGD(0.1, momentum=0.9, nesterov=true)", lambda w, b: o.SGD([w, b], 0.1, momentum=0.9, nesterov=True)),
        ("SGD(0.1, momentum=0.9, decay=0.01)", lambda w, b: o.SGD([w, b], 0.1, momentum=0.9, weight_decay=0.01)),
        ("Adagrad(0.1)", lambda w, b: o.Adagrad([w, b], 0.1)),
        ("RMSProp(0.01)", lambda w, b: o.RMSprop([w, b], 0.01)),
        ("RMSProp(0.01, rho=0.9, momentum=0.5)", lambda w, b: o.RMSprop([w, b], 0.01, alpha=0.9, momentum=0.5)),
        ("Adam(0.05)", lambda w, b: o.Adam([w, b], 0.05)),
        ("Adam(0.05, betas=(0.5, 0.99), eps=1e-6)", lambda w, b: o.Adam([w, b], 0.05, betas=(0.5, 0.99), eps=1e-6)),
        ("AdamW(0.05)", lambda w, b: o.AdamW(groups(w, b, 0.01), 0.05)),
        ("AdamW(0.05, betas=(0.9, 0.95), decay=0.1)", lambda w, b: o.AdamW(groups(w, b, 0.1), 0.05, betas=(0.9, 0.95))),
        ("Lion(0.01)", lambda w, b: Lion([w, b], 0.01, (0.9, 0.99), 0.0)),
        ("Lion(0.01, betas=(0.95, 0.98), decay=0.1)", lambda w, b: Lion([w, b], 0.01, (0.95, 0.98), 0.1)),
        # PyTorch takes eps[0] from the weight's type; float64 would give another than the library's float32.
        ("Adafactor(0.05)", lambda w, b: o.Adafactor([w, b], 0.05, eps=(1.1920929e-7, 1e-3))),
        ("[Muon(0.05, of=net.w), SGD(0.1)]", lambda w, b: Muon(w, b, 0.05, 0.95, 0.1, 0.1)),
    ]:
        w, b = start_w.clone().requires_grad_(), start_b.clone().requires_grad_()
        opt = make(w, b)
        after, loss = {}, []
        for step in range(100):
            opt.zero_grad()
            value = problem(w, b, step)
            value.backward()
            loss.append(value.item())
            opt.step()
            if step + 1 in (1, 2, 3, 10, 50, 100):
                after[str(step + 1)] = {"w": array(w.detach()), "b": array(b.detach())}
        f.cases.append({"name": source, "kind": "train", "model": PROBLEM % source,
                        "params": {"w": array(start_w), "b": array(start_b)}, "loss": loss, "after": after})
    f.write()


SLOPE = """model Reference {
  param w: float[1] = zeros
  fn forward() -> f32 = -sum(w)
}

train fit {
  net       = Reference()
  loss      = net()
  optimizer = SGD(%s)
  steps     = %d
}
"""


def scheduled(make, peak, total):
    w = torch.zeros(1, requires_grad=True)
    opt = torch.optim.SGD([w], peak)
    plan = make(opt)
    rates = []
    for step in range(total):
        rates.append(opt.param_groups[0]["lr"])
        opt.step()
        if step + 1 < total:
            plan.step()
    return rates


def schedules():
    f = Family("schedule", 12)
    s = torch.optim.lr_scheduler
    n = 60

    def ramp(k):
        return [min(1.0, (i + 1) / max(1, k)) for i in range(n)]

    def times(a, b):
        return [x * y for x, y in zip(a, b)]

    half = scheduled(lambda o: s.CosineAnnealingLR(o, n), 0.1, n)
    line = scheduled(lambda o: s.LinearLR(o, 1.0, 0.0, n), 0.1, n)
    for source, rates in [
        ("0.1", [0.1] * n),
        ("warmup(0.1, 10)", scheduled(lambda o: s.LinearLR(o, 0.1, 1.0, 9), 0.1, n)),
        ("linear(0.1)", line),
        ("linear(0.1, warmup=10)", times(line, ramp(10))),
        ("linear(0.1, low=0.2)", scheduled(lambda o: s.LinearLR(o, 1.0, 0.2, n), 0.1, n)),
        ("cosine(0.1)", half),
        ("cosine(0.1, warmup=10)", times(half, ramp(10))),
        ("cosine(0.1, low=0.1)", scheduled(lambda o: s.CosineAnnealingLR(o, n, 0.01), 0.1, n)),
        ("step_decay(0.1, 20)", scheduled(lambda o: s.StepLR(o, 20), 0.1, n)),
        ("step_decay(0.1, 15, factor=0.5)", scheduled(lambda o: s.StepLR(o, 15, 0.5), 0.1, n)),
        ("exponential(0.1, 0.95)", scheduled(lambda o: s.ExponentialLR(o, 0.95), 0.1, n)),
        ("exponential(0.1, 0.5, every=10)", scheduled(lambda o: s.ExponentialLR(o, 0.5 ** 0.1), 0.1, n)),
        ("polynomial(0.1, power=2.0)", scheduled(lambda o: s.PolynomialLR(o, n, 2.0), 0.1, n)),
        ("one_cycle(0.1)", scheduled(lambda o: s.OneCycleLR(o, 0.1, n, cycle_momentum=False), 0.1, n)),
        ("noam(64, 20)", [min((i + 1) ** -0.5, (i + 1) * 20 ** -1.5) / 8 for i in range(n)]),
    ]:
        w, after = 0.0, {}
        for i, rate in enumerate(rates):
            w += rate
            if (i + 1) % 10 == 0 or i == 0:
                after[str(i + 1)] = {"w": array(torch.tensor([w]))}
        f.cases.append({"name": source, "kind": "train", "model": SLOPE % (source, n),
                        "params": {"w": array(torch.zeros(1))}, "rates": rates, "after": after})
    f.write()


if __name__ == "__main__":
    for record in (activations, losses, metrics, normalization, convolution, pooling, attention, dense, embedding, recurrent, optimizers, schedules):
        record()
