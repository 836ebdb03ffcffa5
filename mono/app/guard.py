"""Guard of the app: security headers, and no requests under other names or from pages of other origins."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import JSONResponse

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# Pages of others reach this machine under a name of theirs, if their name server says so.
_HOST = re.compile(rb"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)


class Guard:
    """Middleware that adds security headers, and refuses other hosts and pages of other origins."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        """Pass a request on, or refuse it."""

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    *((name.lower().encode(), value.encode()) for name, value in _HEADERS.items()),
                ]
            await send(message)

        refused = _refusal(scope) if scope["type"] in ("http", "websocket") else None
        await (refused or self.app)(scope, receive, with_headers)


def _refusal(scope: Any) -> JSONResponse | None:
    """Answer a request that may come from elsewhere; None: it does not."""
    headers = dict(scope["headers"])
    host, origin = headers.get(b"host", b""), headers.get(b"origin")
    if not _HOST.fullmatch(host):
        text = f"the app does not answer to the name {host.decode('latin-1')!r:.80}; open it at http://127.0.0.1"
        return JSONResponse({"error": f"{text}:{(scope.get('server') or ('', 80))[1]}"}, 400)
    if origin is not None and origin != b"http://" + host:
        return JSONResponse({"error": "this request comes from a page that is not the app's"}, 403)
    return None
