"""A page with a generator in it: it draws what PyTorch draws, in a browser that has no network."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from browser import browser, require_browser
from paths import ROOT
from small import SMALL

import ganzoo
from ganzoo.cli import run as typed
from ganzoo.data.dataset import to_uint8
from ganzoo.errors import GanzooError
from ganzoo.exporting.page import RUNTIME, Runtime, find_runtime, page_bytes
from ganzoo.exporting.writing import describe
from ganzoo.runs.directions import Directions

STUB = Runtime({"library": b"/* </script><!-- */ var ort;", "module": b"export {}", "binary": b"\0asm"}, "1.2.3")

needs_onnx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxruntime", "onnxscript")),
    reason="needs the packages of ganzoo[onnx]",
)


@pytest.fixture(scope="module")
def points_run(tmp_path_factory: pytest.TempPathFactory) -> ganzoo.Run:
    folder = tmp_path_factory.mktemp("points") / "run"
    return ganzoo.train(
        "vanilla.points", steps=2, set=dict(SMALL), out=str(folder), progress=False, device="cpu", scores=False
    )


def content(run: ganzoo.Run) -> str:
    return page_bytes(run.gan, b"network", STUB, describe(run, False), run.data, True).decode()


def settings_of(page: str) -> dict[str, Any]:
    found = re.search(r'id="settings">(.*?)</script>', page, re.DOTALL)
    assert found
    settings: dict[str, Any] = json.loads(found[1])
    return settings


# The file.


def test_the_sliders_are_the_principal_directions(conditional_run: Path) -> None:
    run = ganzoo.load(conditional_run)
    settings = settings_of(content(run))
    found: Directions = run.directions(8, "pca")
    assert torch.allclose(torch.tensor(settings["vectors"]), found.vectors, atol=1e-6)
    assert settings["labels"][0].startswith("direction 1 (")
    assert settings["classes"] == [str(number) for number in range(10)]
    assert settings["digitalSourceType"].endswith("trainedAlgorithmicMedia")


def test_texts_from_a_run_cannot_leave_their_element(digits_run: Path) -> None:
    run = ganzoo.load(digits_run)
    bad = "</script><script>alert(1)</script>{{network}}"
    run.info["recipe_name"] = bad
    page = content(run)
    assert "alert(1)</script>" not in page
    assert settings_of(page)["name"] == f"vanilla.{bad} on digits"
    assert "<title>vanilla.&lt;/script&gt;" in page
    # Every element that is opened is closed, by the template's own tags.
    assert len(re.findall(r"<script[ >]", page)) == page.count("</script>") == 7


def test_nothing_is_loaded_from_elsewhere(digits_run: Path) -> None:
    page = content(ganzoo.load(digits_run))
    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)\s*=\s*["']""", page)
    assert "fetch(" not in page
    assert "1.2.3" in page


@pytest.mark.parametrize("below", ["", "dist", "node_modules/onnxruntime-web/dist"])
def test_the_runtime_is_found(below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / below
    place.mkdir(parents=True, exist_ok=True)
    for part, name in RUNTIME.items():
        (place / name).write_bytes(b"/* ONNX Runtime Web v1.30.0 */" + part.encode())
    found = find_runtime(tmp_path)
    assert (found.version, sorted(found.files)) == ("1.30.0", sorted(RUNTIME))
    if below.startswith("node_modules"):
        inside = tmp_path / "a" / "b"
        inside.mkdir(parents=True)
        monkeypatch.chdir(inside)
        assert find_runtime(None) == found


@needs_onnx
def test_a_missing_runtime_says_what_to_type(
    digits_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert typed(["export", str(digits_run), "--to", "page.html", "--runtime", "."]) == 2
    assert "npm install onnxruntime-web" in capfd.readouterr().err
    assert typed(["export", str(digits_run), "--to", "g.onnx", "--runtime", "."]) == 2
    assert "leave it out" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_kinds_that_a_page_cannot_show_are_refused(digits_run: Path) -> None:
    from dataclasses import replace

    from ganzoo.exporting.page import require_drawable

    run = ganzoo.load(digits_run)
    for data in (replace(run.data, modality="voxels"), replace(run.data, shape=(4, 8, 8))):
        with pytest.raises(GanzooError, match=r"images of 1 or 3 channels and points.*\.onnx"):
            require_drawable(run.gan, "vanilla", data)
    with pytest.raises(GanzooError, match="points of 1:"):
        require_drawable(run.gan, "vanilla", replace(run.data, modality="points", shape=(1,)))


# In a browser.


@pytest.fixture(scope="module")
def runtime() -> Path:
    require_browser()
    for folder in (ROOT, *ROOT.parents):
        if (folder / "node_modules" / "onnxruntime-web").is_dir():
            return folder
    pytest.skip("there is no node_modules with onnxruntime-web in this checkout or above it")


PIXELS = """() => {
    const canvas = document.getElementById("sample");
    return Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data);
}"""


BRIGHTEST = """() => {
    const canvas = document.getElementById("sample");
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return data.reduce((most, value, at) => at % 4 < 3 && value > most ? value : most, 0);
}"""


def opened(page: Any, file: Path) -> list[str]:
    """Open a page and wait for it; returns a list that problems and requests are added to."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("request", lambda request: found.append(request.url) if request.url.startswith("http") else None)
    page.goto(file.as_uri())
    # Not wait_for_function, which the page's own policy forbids.
    page.get_by_text("Ready.", exact=True).wait_for(timeout=30_000)
    return found


@needs_onnx
def test_the_page_draws_the_pixels_that_pytorch_draws(conditional_run: Path, runtime: Path, tmp_path: Path) -> None:
    run = ganzoo.load(conditional_run)
    file = ganzoo.export(run, tmp_path / "page.html", runtime=runtime)
    z, y = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([3, 1, 4, 1, 5])
    gan: Any = run.gan
    with gan.for_sampling():
        wanted = gan.generate(z, y).clamp(-1, 1)
    with browser(viewport={"width": 390, "height": 800}) as page:
        problems = opened(page, file)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        shown = torch.tensor(page.evaluate("([z, y]) => ganzooPage.show(z, y)", [z.tolist(), y.tolist()]))
        assert torch.allclose(shown, wanted.flatten(), atol=1e-4)
        pixels = torch.tensor(page.evaluate(PIXELS)).view(8, 8, 4)
        grey = to_uint8(wanted)[0, 0].long()
        assert (pixels[:, :, :3] - grey[:, :, None]).abs().max() <= 1
        assert (pixels[:, :, 3] == 255).all()

        def drawn() -> list[int]:
            page.wait_for_timeout(150)
            return list(page.evaluate(PIXELS))

        page.click("#reset")
        first = drawn()
        page.fill("#slider-0", "2.5")
        assert drawn() != first
        page.click("#reset")
        assert drawn() == first
        page.check("input[name=class][value='7']")
        assert drawn() != first
        page.check("input[name=class][value='-1']")
        page.keyboard.press("n")
        assert drawn() != first
        assert page.input_value("#seed") == "1"
        page.keyboard.press("w")
        assert drawn() != drawn()
        page.keyboard.press("w")
        assert drawn() == drawn()
        page.fill("#seed", "0")
        page.press("#seed", "Enter")
        assert drawn() == first
        page.click("#grid button:nth-child(9)")
        assert "Sample 9 of seed 0, class 8" in page.inner_text("#caption")
        assert problems == []


@needs_onnx
def test_the_page_draws_the_points_that_pytorch_draws(points_run: ganzoo.Run, runtime: Path, tmp_path: Path) -> None:
    file = ganzoo.export(points_run, tmp_path / "page.html", runtime=runtime)
    z = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    gan: Any = points_run.gan
    with gan.for_sampling():
        wanted = gan.generate(z)
    with browser(color_scheme="dark") as page:
        problems = opened(page, file)
        assert "2000 points" in page.inner_text("#caption")
        assert not page.is_visible("#grid-section")
        # Light points on the dark page.
        assert page.evaluate(BRIGHTEST) > 200
        shown = torch.tensor(page.evaluate("(z) => ganzooPage.show(z, [])", z.tolist()))
        assert torch.allclose(shown, wanted.flatten(), atol=1e-4)
        assert problems == []
