"""Run: graph -> numbers, fast: plan, fused kernels, memory, threads; profile."""
