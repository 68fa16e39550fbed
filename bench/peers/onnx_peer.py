"""ONNX Runtime as a peer of bench (the protocol is in bench/peer.go): answers for one row, products.

The graphs are written here, in inference form: batch normalisation is folded into the convolution before it. Settings: all graph optimizations, one graph
at a time, spinning threads, inputs and outputs bound once.
"""
import json
import os
import sys
import time

threads = int(os.environ.get("BENCH_THREADS", "2"))
try:
    import numpy as np
    import onnx
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper
except ImportError as e:
    print(json.dumps({"missing": str(e)}), flush=True)
    sys.exit(0)

rng = np.random.default_rng(0)


class Graph:
    """A chain of nodes: each method takes the name of a value and returns that of a new one."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def node(self, op, *inputs, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def weight(self, *shape):
        name = f"w{len(self.weights)}"
        scale = 1 / np.sqrt(max(np.prod(shape[1:]), 1))
        self.weights.append(numpy_helper.from_array((rng.standard_normal(shape) * scale).astype(np.float32), name))
        return name

    def dense(self, x, inputs, outputs):
        return self.node("Gemm", x, self.weight(outputs, inputs), self.weight(outputs), transB=1)

    def conv(self, x, c, out, kernel=3, stride=1):
        return self.node("Conv", x, self.weight(out, c, kernel, kernel), self.weight(out), kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[kernel // 2] * 4)

    def relu(self, x):
        return self.node("Relu", x)

    def session(self, inputs, result, shape):
        values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, list(a.shape)) for n, a in inputs.items()]
        graph = helper.make_graph(self.nodes, "g", values, [helper.make_tensor_value_info(result, TensorProto.FLOAT, shape)], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        bound = session.io_binding()
        for n, a in inputs.items():
            bound.bind_ortvalue_input(n, ort.OrtValue.ortvalue_from_numpy(a))
        bound.bind_ortvalue_output(result, ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32)))
        return lambda: session.run_with_iobinding(bound)


def normal(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def mlp():
    g = Graph()
    y = g.dense(g.relu(g.dense(g.relu(g.dense("x", 784, 512)), 512, 256)), 256, 10)
    return g.session({"x": normal(1, 784)}, y, [1, 10])


def cnn():
    g = Graph()
    y = g.relu(g.conv(g.relu(g.conv("x", 1, 32)), 32, 64))
    y = g.node("Flatten", g.node("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2]))
    y = g.dense(g.relu(g.dense(y, 64 * 14 * 14, 128)), 128, 10)
    return g.session({"x": normal(1, 1, 28, 28)}, y, [1, 10])


def resnet18():
    g = Graph()
    y, c = g.relu(g.conv("x", 3, 64)), 64
    for out, stride in ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)):
        short = y if c == out and stride == 1 else g.conv(y, c, out, 1, stride)
        y = g.relu(g.node("Add", g.conv(g.relu(g.conv(y, c, out, 3, stride)), out, out), short))
        c = out
    y = g.dense(g.node("Flatten", g.node("GlobalAveragePool", y)), 512, 10)
    return g.session({"x": normal(1, 3, 32, 32)}, y, [1, 10])


def decode(past):
    """One token of a GPT. Keys and values of those before are inputs; those of the token are joined to them, which is how exported models do it."""
    g, inputs = Graph(), {"x": normal(1, 384)}
    scale = numpy_helper.from_array(np.float32(1 / 8), "scale")
    heads = numpy_helper.from_array(np.array([6, 1, 64]), "heads")
    wide = numpy_helper.from_array(np.array([1, 384]), "wide")
    g.weights += [scale, heads, wide]

    def norm(x):
        return g.node("LayerNormalization", x, g.weight(384), g.weight(384), axis=-1)

    def gelu(x):
        half, one, root = (numpy_helper.from_array(np.float32(v), f"c{len(g.weights)}{v}") for v in (0.5, 1.0, 2**0.5))
        g.weights += [half, one, root]
        return g.node("Mul", g.node("Mul", x, g.node("Add", g.node("Erf", g.node("Div", x, root.name)), one.name)), half.name)

    h = "x"
    for layer in range(6):
        a = norm(h)
        q, k, v = (g.node("Reshape", g.dense(a, 384, 384), "heads") for _ in range(3))
        keys, values = f"k{layer}", f"u{layer}"
        inputs[keys], inputs[values] = normal(6, past, 64), normal(6, past, 64)
        k, v = g.node("Concat", keys, k, axis=1), g.node("Concat", values, v, axis=1)
        s = g.node("Mul", g.node("MatMul", q, g.node("Transpose", k, perm=[0, 2, 1])), "scale")
        o = g.node("Reshape", g.node("MatMul", g.node("Softmax", s, axis=-1), v), "wide")
        h = g.node("Add", h, g.dense(o, 384, 384))
        h = g.node("Add", h, g.dense(gelu(g.dense(norm(h), 384, 1536)), 1536, 384))
    return g.session(inputs, g.dense(norm(h), 384, 65), [1, 65])


def product(batch, m, k, n):
    shape = [batch] if batch > 1 else []
    g = Graph()
    y = g.node("MatMul", "a", "b")
    return g.session({"a": normal(*shape, m, k), "b": normal(*shape, k, n)}, y, shape + [m, n])


def prepare(work):
    kind, *args = work
    if kind == "gemm":
        return product(*map(int, args))
    if kind == "decode":
        return decode(int(args[0]))
    makers = {"w1": mlp, "w2": cnn, "resnet18": resnet18}
    return makers[args[0]]() if kind == "answer" else None


columns = [{"name": "graph", "precision": "f32", "settings": "all optimizations, normalisation folded, values bound"}]
print(json.dumps({"version": "ONNX Runtime " + ort.__version__, "settings": f"{threads} threads, CPU provider", "columns": columns}), flush=True)

call, present = None, None
for line in sys.stdin:
    _, calls, *work = line.split()
    try:
        if work != present:
            call, present = prepare(work), work
        if call is None:
            print("no", flush=True)
            continue
        start = time.perf_counter()
        for _ in range(int(calls)):
            call()
        print(time.perf_counter() - start, flush=True)
    except Exception as e:
        print("failed", type(e).__name__, " ".join(str(e).split())[:200], flush=True)
