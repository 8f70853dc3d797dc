"""graph <-> files: ONNX, graph.json + safetensors."""
