#!/usr/bin/env bash
# Makes the peers' environment in bench/peers/.venv, which git ignores.
set -euo pipefail
cd "$(dirname "$0")"
python3 -m venv .venv
.venv/bin/pip install --quiet --upgrade pip
.venv/bin/pip install --quiet torch numpy
.venv/bin/python -c 'import torch; print("PyTorch", torch.__version__)'
