"""What training, release, serving and monitoring agree on.

Knows numpy and pydantic only. Does not know torch, ONNX Runtime, HTTP, files of data or databases.
"""
