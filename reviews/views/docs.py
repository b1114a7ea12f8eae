"""The documentation inside the console."""

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_safe

from reviews import documents

MAX_QUERY = 100


@never_cache
@require_safe
@login_required
def docs(request: HttpRequest) -> HttpResponse:
    query = request.GET.get("q", "")[:MAX_QUERY].replace("\0", "").strip()
    hits = documents.search(query) if query else []
    return render(request, "reviews/docs.html", {**_frame(), "query": query, "hits": hits})


@never_cache
@require_safe
@login_required
def doc(request: HttpRequest, slug: str) -> HttpResponse:
    page = documents.document(slug)
    if page is None:
        raise Http404(f"There is no page {slug[:40]}.")
    return render(request, "reviews/doc.html", {**_frame(), "page": page})


@cache_control(private=True, max_age=3600)
@require_safe
@login_required
def doc_picture(request: HttpRequest, name: str) -> FileResponse:
    path = documents.picture(name)
    if path is None:
        raise Http404(f"There is no picture {name[:40]}.")
    return FileResponse(path.open("rb"), content_type="image/png")


def _frame() -> dict[str, object]:
    return {"groups": documents.groups(), "section": "docs"}
