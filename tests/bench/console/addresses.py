"""The gateway's addresses and the empty page."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from atlas_site import urls

EMPTY = "bench-empty/"


def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<!doctype html><title>Empty</title>")


urlpatterns = [path(EMPTY, empty), *urls.urlpatterns]
handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500
