"""HTTP interface of the app: see docs/app.md."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from mono.app import files
from mono.app.guard import Guard
from mono.app.measurements import measured, measurements_csv
from mono.app.photos import MAX_UPLOAD, OpenPhoto, PhotoStore, clean_name, read_upload
from mono.app.projects import MAX_PROJECT, project_bytes, read_project
from mono.app.requests import Refused, focal_and_scale, number, read_body, read_values
from mono.data.camera_source import CameraResolver, ResolvedCamera
from mono.inference.predictor import Predictor
from mono.system.errors import MetricDepthError
from mono.visual.color_maps import colorize, css_gradient, depth_limits, scale_ticks

MAX_WAITING = 64  # photos
_STATIC = Path(__file__).parent / "static"
_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".json": "application/json"}


class App:
    """State of the app: models, open photos, and the one worker that predicts."""

    def __init__(
        self,
        predictors: Mapping[str, Predictor],
        resolver: CameraResolver | None = None,
        ready: Mapping[str, Callable[[], OpenPhoto]] | None = None,
        examples: Mapping[str, Path] | None = None,
    ) -> None:
        """Prepare an app.

        Args:
            predictors: models by name; the first is the default. None for results of a run alone.
            resolver: source of cameras.
            ready: results that can be opened without a model, by name.
            examples: photos to try, by name.
        """
        self.predictors, self.resolver = predictors, resolver or CameraResolver()
        self.ready, self.examples = ready or {}, examples or {}
        self.store, self.waiting = PhotoStore(), 0
        self.worker = ThreadPoolExecutor(1, "predict")

    def predict(self, data: bytes, name: str, model: str) -> OpenPhoto:
        """Read a photo and predict it, in the worker."""
        return self.predict_rgb(*read_upload(data, name, self.resolver), name, model)

    def predict_rgb(self, rgb: np.ndarray, found: ResolvedCamera, name: str, model: str) -> OpenPhoto:
        """Predict depth of an undistorted photo, in the worker."""
        begun = time.perf_counter()
        prediction = self.predictors[model].predict(rgb, found)
        if not (prediction.depth > 0).any():
            raise MetricDepthError(f"{name}: the model found no depth within 300 m")
        seconds = time.perf_counter() - begun
        return OpenPhoto(name, rgb, prediction, model, seconds, camera_file=found.file)

    async def work(self, job: Callable[[], OpenPhoto]) -> Response:
        """Queue a job that opens a photo, and describe the photo."""
        if self.waiting >= MAX_WAITING:
            raise Refused(503, f"{MAX_WAITING} photos are waiting already: try again in a moment")
        self.waiting += 1
        try:
            photo = await asyncio.get_running_loop().run_in_executor(self.worker, job)
        finally:
            self.waiting -= 1
        return JSONResponse(_describe(self.store.add(photo), photo))


def create_app(app: App) -> Starlette:
    """Build the web application; it answers to names of this machine alone."""

    async def info(request: Request) -> Response:
        names = {"models": app.predictors, "examples": app.examples, "results": app.ready}
        limits = {"max_upload": MAX_UPLOAD, "max_project": MAX_PROJECT}
        return JSONResponse({key: list(value) for key, value in names.items()} | limits)

    async def open_photo(request: Request) -> Response:
        name = clean_name(request.query_params.get("name", ""))
        model = _model(app, request)
        return await app.work(partial(app.predict, await read_body(request), name, model))

    async def open_example(request: Request) -> Response:
        path, name = _example(app, request), request.path_params["name"]
        return await app.work(partial(app.predict, path.read_bytes(), name, _model(app, request)))

    async def show_example(request: Request) -> Response:
        return FileResponse(_example(app, request))

    async def open_result(request: Request) -> Response:
        name = request.query_params.get("name", "")
        if name not in app.ready:
            raise Refused(404, "there is no such result; /api/info lists them")
        return await app.work(app.ready[name])

    async def open_project(request: Request) -> Response:
        return await app.work(partial(read_project, await read_body(request, MAX_PROJECT)))

    async def describe(request: Request) -> Response:
        return JSONResponse(_describe(request.path_params["key"], _photo(app, request)))

    async def compare(request: Request) -> Response:
        photo, model = _photo(app, request), _model(app, request)
        found = photo.resolved(number(request.query_params, "focal_px"))
        return await app.work(partial(app.predict_rgb, photo.rgb, found, photo.name, model))

    async def layer(request: Request) -> Response:
        photo, name = _photo(app, request), request.path_params["layer"]
        suffix = ".jpg" if name == "photo" else ".png"
        return await _file(lambda path: files.write_layer(path, photo, name), f"layer{suffix}")

    async def depth(request: Request) -> Response:
        data = _photo(app, request).prediction.depth.astype("<f4").tobytes()
        return Response(data, media_type="application/octet-stream")

    async def errors(request: Request) -> Response:
        data = await asyncio.to_thread(files.error_bytes, _photo(app, request))
        return Response(data, media_type="application/octet-stream")

    async def cloud(request: Request) -> Response:
        data = await asyncio.to_thread(files.cloud_bytes, _photo(app, request))
        return Response(data, media_type="application/octet-stream")

    async def download(request: Request) -> Response:
        photo, name = _photo(app, request), request.path_params["file"]
        if name not in files.DOWNLOADS:
            raise Refused(404, f"there is no such file; there are {', '.join(files.DOWNLOADS)}")
        changed = photo.changed(*focal_and_scale(request.query_params))
        return await _file(lambda path: files.write_download(path, photo, changed), name, files.safe_stem(photo.name))

    async def measurement(request: Request) -> Response:
        photo, values = _photo(app, request), await read_values(request)
        changed = photo.changed(values["focal_px"], values["scale"])
        found = [measured(changed, item) for item in values["measurements"]]
        return JSONResponse({"measurements": found})

    async def table(request: Request) -> Response:
        photo, values = _photo(app, request), await read_values(request)
        changed = photo.changed(values["focal_px"], values["scale"])
        rows = [measured(changed, item) for item in values["measurements"]]
        return _attachment(measurements_csv(rows), f"{files.safe_stem(photo.name)}.csv", "text/csv")

    async def project(request: Request) -> Response:
        photo, values = _photo(app, request), await read_values(request)
        if values["focal_px"] is None:
            values["focal_px"] = photo.prediction.camera.focal
        photo.focal_ratio(values["focal_px"], values["scale"])  # refuses what could not be opened again
        data = await asyncio.to_thread(project_bytes, photo, values)
        return _attachment(data, f"{files.safe_stem(photo.name)}.depth.zip", "application/zip")

    one = "/api/photos/{key}"
    routes = [
        Route("/api/info", info),
        Route("/api/photos", open_photo, methods=["POST"]),
        Route("/api/examples/{name}", open_example, methods=["POST"]),
        Route("/api/examples/{name}", show_example),
        Route("/api/results", open_result, methods=["POST"]),
        Route("/api/projects", open_project, methods=["POST"]),
        Route(one, describe),
        Route(f"{one}/compare", compare, methods=["POST"]),
        Route(f"{one}/layers/{{layer}}", layer),
        Route(f"{one}/depth", depth),
        Route(f"{one}/cloud", cloud),
        Route(f"{one}/errors", errors),
        Route(f"{one}/files/{{file}}", download),
        Route(f"{one}/measure", measurement, methods=["POST"]),
        Route(f"{one}/measurements.csv", table, methods=["POST"]),
        Route(f"{one}/project", project, methods=["POST"]),
        Mount("/", StaticFiles(directory=_STATIC, html=True)),
    ]
    handlers = {MetricDepthError: _refuse, HTTPException: _refuse}
    return Starlette(routes=[*routes], middleware=[Middleware(Guard)], exception_handlers=handlers)


async def _refuse(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return JSONResponse({"error": f"{request.url.path}: {error.detail}"}, error.status_code)
    return JSONResponse({"error": str(error)}, getattr(error, "status", 400))


async def _file(write: Callable[[Path], None], name: str, stem: str | None = None) -> Response:
    """Answer with the file that `write` makes."""

    def make() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder, name))
            return Path(folder, name).read_bytes()

    data = await asyncio.to_thread(make)
    media = _TYPES.get(Path(name).suffix, "application/octet-stream")
    return Response(data, media_type=media) if stem is None else _attachment(data, f"{stem}_{name}", media)


def _attachment(data: bytes, name: str, media: str) -> Response:
    return Response(data, media_type=media, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _photo(app: App, request: Request) -> OpenPhoto:
    photo = app.store.get(request.path_params["key"])
    if photo is None:
        raise Refused(404, "this photo is not held any more: open it again")
    return photo


def _example(app: App, request: Request) -> Path:
    if (name := request.path_params["name"]) not in app.examples:
        raise Refused(404, "there is no such example; /api/info lists them")
    return app.examples[name]


def _model(app: App, request: Request) -> str:
    model = request.query_params.get("model") or next(iter(app.predictors), "")
    if not app.predictors:
        raise MetricDepthError("there is no model here: results of a run are shown; metricdepth app predicts photos")
    if model not in app.predictors:
        raise Refused(404, f"there is no model {model!r:.60} here; loaded are {', '.join(app.predictors)}")
    return model


def _describe(key: str, photo: OpenPhoto) -> dict[str, Any]:
    p = photo.prediction
    near, far = depth_limits(p.depth)
    colors = css_gradient(colorize(np.geomspace(far, near, 17)[None], near, far)[0])
    missing = {"sky"} if p.sky is None else set()
    missing |= set() if np.isfinite(p.confidence).any() else {"confidence"}
    return {
        "id": key,
        "name": photo.name,
        "width": p.camera.width,
        "height": p.camera.height,
        "camera": {"fx": p.camera.fx, "fy": p.camera.fy, "cx": p.camera.cx, "cy": p.camera.cy},
        "focal_px": p.camera.focal,
        "camera_source": p.camera_source,
        "camera_detail": p.camera_detail,
        "model": photo.model,
        "seconds": round(photo.seconds, 3),
        "layers": [layer for layer in files.LAYERS if layer not in missing],
        "scale_bar": {"near": near, "far": far, "ticks": scale_ticks(near, far, 300, 32), "colors": colors},
        "files": list(files.DOWNLOADS),
        "project": photo.extra,
        "has_errors": p.has_uncertainty,
        "focal_error": p.uncertainty.shared if p.has_uncertainty else None,
    }
