#!/usr/bin/env bash
# Makes the peers' environment in bench/peers/.venv, which git ignores: PyTorch, JAX and ONNX Runtime, the newest that there are for this Python. A peer that has no
# package for this machine is left out with a word; bench runs those that are there.
#
#   PYTHON=python3.12 bench/peers/install.sh                                                another Python
#   TORCH_INDEX=https://download.pytorch.org/whl/cpu bench/peers/install.sh                 PyTorch without its GPU libraries
set -euo pipefail
cd "$(dirname "$0")"
"${PYTHON:-python3}" -m venv .venv
.venv/bin/pip install --quiet --upgrade pip
install() {
  local name="$1"
  shift
  .venv/bin/pip install --quiet --upgrade "$@" || echo "$name is left out: it could not be installed" >&2
}
install PyTorch torch numpy ${TORCH_INDEX:+--index-url "$TORCH_INDEX"}
install JAX jax numpy
install "ONNX Runtime" onnxruntime onnx numpy
.venv/bin/pip list 2>/dev/null | grep -iE '^(torch|jax|jaxlib|onnx|onnxruntime|numpy) '
