"""These tests are collected where PyTorch is installed: `make test-torch` makes an environment for them."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("torch") is not None else ["*"]
