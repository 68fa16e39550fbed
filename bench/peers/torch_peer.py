"""PyTorch as a peer of bench (the protocol is in bench/peer.go): training steps, answers for one row, products.

Columns: eager, in f32; compile, the same through torch.compile, where there is a C++ compiler; bf16, eager under autocast. The settings are the best found: oneDNN,
channels last for pictures, fused optimizers, scaled_dot_product_attention, denormals flushed, inference_mode for answers, a traced and frozen graph for them in f32.
"""
import json
import os
import shutil
import sys
import time
import warnings

threads = int(os.environ.get("BENCH_THREADS", "2"))
try:
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError as e:
    print(json.dumps({"missing": str(e)}), flush=True)
    sys.exit(0)

warnings.filterwarnings("ignore", category=FutureWarning)
torch.set_num_threads(threads)
torch.set_flush_denormal(True)
torch.manual_seed(0)


def mlp():
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 14 * 14, 128), nn.ReLU(), nn.Linear(128, 10),
    )


class Attention(nn.Module):
    def __init__(self, d, heads, causal, bias=True):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.q, self.kv, self.out = nn.Linear(d, d, bias), nn.Linear(d, 2 * d, bias), nn.Linear(d, d, bias)

    def forward(self, x, memory):
        b, t, d = x.shape
        q = self.q(x).view(b, t, self.heads, -1).transpose(1, 2)
        k, v = self.kv(memory).view(b, memory.shape[1], 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        o = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out(o.transpose(1, 2).reshape(b, t, d))


class Block(nn.Module):
    def __init__(self, d=384, heads=6):
        super().__init__()
        self.heads = heads
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.n1(x)).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        o = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(o.transpose(1, 2).reshape(b, t, d))
        return x + self.down(F.gelu(self.up(self.n2(x))))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.place = nn.Embedding(65, 384), nn.Parameter(torch.randn(256, 384) * 0.02)
        self.blocks = nn.Sequential(*[Block() for _ in range(6)])
        self.norm, self.head = nn.LayerNorm(384), nn.Linear(384, 65, bias=False)

    def forward(self, x):
        return self.head(self.norm(self.blocks(self.embed(x) + self.place)))


class Basic(nn.Module):
    def __init__(self, c, out, stride):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(c, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(), nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        )
        self.short = nn.Identity() if c == out and stride == 1 else nn.Sequential(nn.Conv2d(c, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        return F.relu(self.main(x) + self.short(x))


def resnet18():
    layers, c = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()], 64
    for out, stride in ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)):
        layers.append(Basic(c, out, stride))
        c = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.lstm, self.head = nn.Embedding(65, 256), nn.LSTM(256, 256, 2, batch_first=True), nn.Linear(256, 65)

    def forward(self, x):
        return self.head(self.lstm(self.embed(x))[0])


class Encoder(nn.Module):
    def __init__(self, d=256, hidden=1024):
        super().__init__()
        self.att = Attention(d, 4, False, bias=False)
        self.ffn = nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, d))
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)

    def forward(self, x):
        x = self.n1(x + self.att(x, x))
        return self.n2(x + self.ffn(x))


class Decoder(nn.Module):
    def __init__(self, d=256, hidden=1024):
        super().__init__()
        self.att, self.cross = Attention(d, 4, True, bias=False), Attention(d, 4, False, bias=False)
        self.ffn = nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, d))
        self.n1, self.n2, self.n3 = nn.LayerNorm(d), nn.LayerNorm(d), nn.LayerNorm(d)

    def forward(self, x, memory):
        x = self.n1(x + self.att(x, x))
        x = self.n2(x + self.cross(x, memory))
        return self.n3(x + self.ffn(x))


class Seq2Seq(nn.Module):
    def __init__(self, d=256):
        super().__init__()
        self.embed = nn.Embedding(8000, d)
        nn.init.normal_(self.embed.weight, std=0.02)
        angle = torch.arange(64)[:, None] / 10000 ** (torch.arange(0, d, 2) / d)
        self.register_buffer("place", torch.stack([angle.sin(), angle.cos()], -1).reshape(64, d))
        self.encoder, self.decoder = nn.ModuleList(Encoder() for _ in range(3)), nn.ModuleList(Decoder() for _ in range(3))

    def forward(self, x, said):
        memory, h = self.embed(x) + self.place, self.embed(said) + self.place
        for block in self.encoder:
            memory = block(memory)
        for block in self.decoder:
            h = block(h, memory)
        return F.linear(h, self.embed.weight)


class Recommender(nn.Module):
    def __init__(self):
        super().__init__()
        self.users, self.items = nn.Embedding(100_000, 64), nn.Embedding(50_000, 64)
        self.head = nn.Sequential(nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, u, i):
        return self.head(torch.cat([self.users(u), self.items(i)], -1)).squeeze(-1)


def classes(*shape):
    return torch.randint(0, 10, shape)


def ids(n, *shape):
    return torch.randint(0, n, shape)


def entropy(logits, y):
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), y.reshape(-1))


# name: network, pictures, inputs for a batch, labels for it, loss, optimizer, batch
MODELS = {
    "w1": (mlp, False, lambda b: (torch.randn(b, 784),), lambda b: classes(b), entropy, "adam", 128),
    "w2": (cnn, True, lambda b: (torch.randn(b, 1, 28, 28),), lambda b: classes(b), entropy, "adam", 64),
    "w3": (GPT, False, lambda b: (ids(65, b, 256),), lambda b: ids(65, b, 256), entropy, "adamw", 12),
    "resnet18": (resnet18, True, lambda b: (torch.randn(b, 3, 32, 32),), lambda b: classes(b), entropy, "sgd", 64),
    "lstm": (Recurrent, False, lambda b: (ids(65, b, 128),), lambda b: ids(65, b, 128), entropy, "adam", 32),
    "transformer": (Seq2Seq, False, lambda b: (ids(8000, b, 64), ids(8000, b, 64)), lambda b: ids(8000, b, 64), entropy, "adam", 16),
    "recommender": (Recommender, False, lambda b: (ids(100_000, b), ids(50_000, b)), lambda b: torch.randn(b), F.binary_cross_entropy_with_logits, "adam", 4096),
}
OPTIMIZERS = {
    "adam": lambda p: torch.optim.Adam(p, 1e-3, fused=True),
    "adamw": lambda p: torch.optim.AdamW(p, 1e-3, fused=True),
    "sgd": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, fused=True),
}


def arranged(net, x, pictures):
    if not pictures:
        return net, x
    return net.to(memory_format=torch.channels_last), tuple(a.contiguous(memory_format=torch.channels_last) for a in x)


def training(column, name):
    make, pictures, inputs, labels, loss, optimizer, batch = MODELS[name]
    net, x = arranged(make(), inputs(batch), pictures)
    y, opt = labels(batch), OPTIMIZERS[optimizer](net.parameters())

    def forward():
        return loss(net(*x), y)

    if column == "compile":
        forward = torch.compile(forward)

    def step():
        opt.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=column == "bf16"):
            value = forward()
        value.backward()
        opt.step()

    return step


def answer(column, name):
    make, pictures, inputs, *_ = MODELS[name]
    net, x = arranged(make().eval(), inputs(1), pictures)
    if column == "eager":
        with torch.inference_mode():
            net = torch.jit.optimize_for_inference(torch.jit.trace(net, x))
    if column == "compile":
        net = torch.compile(net)

    def call():
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=column == "bf16"):
            net(*x)

    return call


class Decoding(nn.Module):
    """One token through the blocks of a GPT; keys and values of those before lie in a cache that has room for it."""

    def __init__(self, past):
        super().__init__()
        self.net, self.past = GPT(), past
        self.place = nn.Parameter(torch.randn(2048, 384) * 0.02)
        self.cache = torch.randn(6, 2, 1, 6, past + 1, 64)

    def forward(self, x):
        h = self.net.embed(x) + self.place[self.past]
        for block, cache in zip(self.net.blocks, self.cache):
            q, k, v = block.qkv(block.n1(h)).view(1, 1, 3, 6, 64).permute(2, 0, 3, 1, 4)
            cache[0, :, :, self.past :], cache[1, :, :, self.past :] = k, v
            o = F.scaled_dot_product_attention(q, cache[0], cache[1])
            h = h + block.out(o.transpose(1, 2).reshape(1, 1, 384))
            h = h + block.down(F.gelu(block.up(block.n2(h))))
        return self.net.head(self.net.norm(h))


def decode(column, past):
    if column == "bf16":
        return None
    net, x = Decoding(past).eval(), ids(65, 1, 1)
    if column == "compile":
        net = torch.compile(net)

    def call():
        with torch.inference_mode():
            net(x)

    return call


def product(column, batch, m, k, n):
    kind = torch.bfloat16 if column == "bf16" else torch.float32
    shape = (batch,) if batch > 1 else ()
    a, b = torch.randn(*shape, m, k).to(kind), torch.randn(*shape, k, n).to(kind)
    out = torch.empty(*shape, m, n, dtype=kind)

    def call():
        torch.matmul(a, b, out=out)

    return None if column == "compile" else call


def prepare(column, work):
    kind, *args = work
    if kind == "gemm":
        return product(column, *map(int, args))
    if kind == "decode":
        return decode(column, int(args[0]))
    return (training if kind == "step" else answer)(column, *args)


def peak():
    try:
        with open("/proc/self/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) * 1024 / 1e6
    except OSError:
        return -1


if sys.argv[1:2] == ["once"]:
    step = prepare(sys.argv[2], sys.argv[3:])
    step()
    print("first", flush=True)
    for _ in range(4):
        step()
    print("memory", peak(), flush=True)
    sys.exit(0)

columns = [{"name": "eager", "precision": "f32", "settings": "answers traced and frozen", "once": True}]
if any(shutil.which(c) for c in (os.environ.get("CXX", "g++"), "g++", "clang++")):
    columns.append({"name": "compile", "precision": "f32", "settings": "torch.compile"})
columns.append({"name": "bf16", "precision": "bf16", "settings": "autocast"})
settings = f"{threads} threads, oneDNN {'on' if torch.backends.mkldnn.is_available() else 'off'}, channels last, fused optimizers and attention, denormals flushed"
print(json.dumps({"version": "PyTorch " + torch.__version__, "settings": settings, "columns": columns}), flush=True)

prepared, present = {}, None
for line in sys.stdin:
    column, calls, *work = line.split()
    try:
        if work != present:
            prepared.clear()
            present = work
        if column not in prepared:
            prepared[column] = prepare(column, work)
        call = prepared[column]
        if call is None:
            print("no", flush=True)
            continue
        start = time.perf_counter()
        for _ in range(int(calls)):
            call()
        print(time.perf_counter() - start, flush=True)
    except Exception as e:
        print("failed", type(e).__name__, " ".join(str(e).split())[:200], flush=True)
