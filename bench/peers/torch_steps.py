"""Training steps W1, W2, W3 in PyTorch, f32, two threads: a peer that bench drives over its standard input.

Each line "NAME N" runs N steps of a workload and answers with the seconds they took. The first line printed names versions and settings.
Best settings found: oneDNN (default), channels_last for W2, fused or foreach optimizer steps, scaled_dot_product_attention for W3.
"""
import os
import sys
import time

threads = int(os.environ.get("BENCH_THREADS", "2"))
os.environ.setdefault("OMP_NUM_THREADS", str(threads))
import torch
from torch import nn
import torch.nn.functional as F

torch.set_num_threads(threads)
torch.manual_seed(0)


def w1():
    net = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))
    x, y = torch.randn(128, 784), torch.randint(0, 10, (128,))
    return net, x, y, lambda: F.cross_entropy(net(x), y), torch.optim.Adam(net.parameters(), 1e-3, fused=True)


def w2():
    net = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 14 * 14, 128), nn.ReLU(), nn.Linear(128, 10),
    ).to(memory_format=torch.channels_last)
    x, y = torch.randn(64, 1, 28, 28).contiguous(memory_format=torch.channels_last), torch.randint(0, 10, (64,))
    return net, x, y, lambda: F.cross_entropy(net(x), y), torch.optim.Adam(net.parameters(), 1e-3, fused=True)


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


def w3():
    net = GPT()
    x, y = torch.randint(0, 65, (12, 256)), torch.randint(0, 65, (12, 256))
    return net, x, y, lambda: F.cross_entropy(net(x).view(-1, 65), y.view(-1)), torch.optim.AdamW(net.parameters(), 1e-3, fused=True)


makers, made = {"w1": w1, "w2": w2, "w3": w3}, {}


def steps(name, n):
    if name not in made:
        made[name] = makers[name]()
    _, _, _, loss, opt = made[name]
    start = time.perf_counter()
    for _ in range(n):
        opt.zero_grad(set_to_none=True)
        loss().backward()
        opt.step()
    return time.perf_counter() - start


print(f"PyTorch {torch.__version__} f32, {threads} threads, oneDNN, channels_last (w2), fused optimizer, fused attention", flush=True)
for line in sys.stdin:
    name, n = line.split()
    print(steps(name, int(n)), flush=True)
