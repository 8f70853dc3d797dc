"""The explorer's page in a real browser: drawn, its card equal to NumPy's numbers, nothing asked of another host."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import localgrad as lg
from localgrad.layers import Affine, Sigmoid

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run"]  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH: run `make browser`"),
]


def test_a_page_shows_a_node_with_its_numbers_and_asks_no_other_host(tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    net = lg.Sequential(Affine.create(4, 3, seed=0), Sigmoid(), Affine.create(3, 2, seed=1))
    x = lg.tensor(np.float32([[1, 2, 3, 4], [0, 1, 0, 1]]), name="x")
    loss = lg.softmax_cross_entropy(net(x), np.array([0, 1]))
    loss.backward()
    record = loss.graph.record()
    record.explore(tmp_path / "page.html")
    address = (tmp_path / "page.html").as_uri()
    asked, said = [], []
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(address)
        page.wait_for_function("window.__explorer && window.__explorer.snapshot().ready")
        page.evaluate("window.__explorer.select('1/Sigmoid#1')")
        page.wait_for_function("(window.__explorer.snapshot().card || {}).name === '1/Sigmoid#1'")
        card = page.evaluate("window.__explorer.snapshot().card")
        browser.close()
    rows = {row["role"]: row for row in card["rows"]}
    np.testing.assert_allclose(rows["output"]["value"], record["1/Sigmoid#1"].ravel(), rtol=1e-6)
    np.testing.assert_allclose(rows["output"]["gradient"], record.gradient("1/Sigmoid#1").ravel(), rtol=1e-6)
    np.testing.assert_allclose(rows["input"]["sent"], record.gradient("0/Add#1").ravel(), rtol=1e-6)
    assert not said
    assert all(url.startswith(("file:", "blob:", "data:")) for url in asked)
