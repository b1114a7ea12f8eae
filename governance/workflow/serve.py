"""/api/inngest: where an Inngest server calls the workflow function. 404 while the embedded executor drives it."""

import time
from collections.abc import Callable
from functools import lru_cache

import inngest
import inngest.django
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from governance.workflow.client import is_embedded, workflow_client
from governance.workflow.function import build_functions
from governance.workflow.signatures import HEADER, is_fresh

View = Callable[[HttpRequest], HttpResponse]


@csrf_exempt
def inngest_view(request: HttpRequest) -> HttpResponse:
    """The SDK's view behind two checks it lacks: the age of the signature, and the size of the body."""
    if is_embedded():
        raise Http404
    return guarded(_sdk_view(workflow_client()), request)


def guarded(view: View, request: HttpRequest) -> HttpResponse:
    """Everything the server sends is signed, registration (PUT) included; an old signature is no signature."""
    if not is_fresh(request.headers.get(HEADER), time.time()):
        return _refused(401, "Unauthorized: the signature is missing or older than five minutes")
    announced = request.headers.get("Content-Length", "")
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if (announced.isdigit() and int(announced) > limit) or len(request.body) > limit:
        return _refused(413, "The body is too large")
    return view(request)


def _refused(status: int, message: str) -> HttpResponse:
    return JsonResponse({"message": message}, status=status)


def serve_functions(client: inngest.Inngest, functions: list[inngest.Function]) -> View:
    return inngest.django.serve(client, functions, enable_unauthed_sync=False).callback


@lru_cache(maxsize=4)
def _sdk_view(client: inngest.Inngest) -> View:
    return serve_functions(client, build_functions(client))
