"""A mesh opens in three.js as in trimesh; three.js comes from npm, and Chromium must be installed."""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import subprocess
import tarfile
import threading
import time

import numpy as np
import pytest
import trimesh

from tests.app.server import exact, photo
from tests.browser import chromium

PAGE = """<script type="importmap">{"imports": {"three": "./package/build/three.module.js"}}</script>
<script type="module">
import * as THREE from "three";
import { GLTFLoader } from "./package/examples/jsm/loaders/GLTFLoader.js";
try {
  const scene = (await new GLTFLoader().loadAsync("mesh.glb")).scene, found = { cameras: 0, meshes: 0 };
  scene.updateMatrixWorld(true);
  scene.traverse((node) => {
    if (node.isCamera) found.cameras += 1;
    if (!node.isMesh) return;
    const box = new THREE.Box3().setFromObject(node);
    const { index, attributes } = node.geometry, image = node.material.map.image;
    Object.assign(found, { low: box.min.toArray(), high: box.max.toArray(), vertices: attributes.position.count });
    Object.assign(found, { triangles: index.count / 3, texture: [image.width, image.height] });
    found.meshes += 1;
  });
  document.title = JSON.stringify(found);
} catch (error) { document.title = JSON.stringify({ error: String(error) }); }
</script>"""


@pytest.mark.slow
@pytest.mark.integration
def test_three_opens_a_glb_as_trimesh_does(tmp_path):
    if not shutil.which("npm"):
        pytest.skip("no npm here")
    packed = subprocess.run(["npm", "pack", "--silent", "three"], cwd=tmp_path, capture_output=True, text=True)
    if packed.returncode:
        pytest.skip("three.js cannot be fetched")
    with tarfile.open(tmp_path / packed.stdout.split()[-1]) as archive:
        archive.extractall(tmp_path, filter="data")
    (tmp_path / "photo.png").write_bytes(photo(suffix=".png"))
    exact().to_mesh(tmp_path / "mesh.glb", str(tmp_path / "photo.png"))
    (tmp_path / "index.html").write_text(PAGE)

    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    handler.log_message = lambda *_: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with chromium(tmp_path / "profile") as browser:
        browser.get(f"http://127.0.0.1:{server.server_port}/")
        end = time.monotonic() + 60
        while not browser.title.startswith("{") and time.monotonic() < end:
            time.sleep(0.1)
        found = json.loads(browser.title)
    server.shutdown()
    mesh = trimesh.load(tmp_path / "mesh.glb", process=False).geometry["depth"]
    assert found["meshes"] == 1 and found["cameras"] == 1 and found["texture"] == [640, 480]
    assert (found["vertices"], found["triangles"]) == (len(mesh.vertices), len(mesh.faces))
    np.testing.assert_allclose([found["low"], found["high"]], mesh.bounds, atol=1e-4)
