#!/bin/sh
# The GPU figures of docs/performance.md and docs/generation.md: run it from the repository, on a machine with one NVIDIA
# GPU. It writes benchmarks/results/gpu-DATE.md; "python" must have phon and a CUDA build of torch.
set -eu
cd "$(dirname "$0")/.."
out="${1:-benchmarks/results/gpu-$(date -u +%Y-%m-%d).md}"
{
    echo "# Training steps on a GPU, $(date -u +%Y-%m-%d)"
    echo
    for job in "gpt2-125m 64 32" "gpt2-medium 32 16"; do
        # shellcheck disable=SC2086 # three words
        set -- $job
        python benchmarks/gpu_step.py --config "$1" --rows "$2" --micro "$3"
        echo
    done
    echo "# Sampling on a GPU"
    echo
    python benchmarks/generation.py --device cuda
} | tee "$out"
