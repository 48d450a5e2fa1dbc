"""From credit data to a proved ONNX bundle in the registry; the only package that imports torch."""
