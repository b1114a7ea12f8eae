"""Deciding several identical calls of low risk in one act. Each is decided by itself and its outcome told."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from governance import actions
from governance.models.decisions import Source
from governance.states import Verdict
from reviews.batches import Batch, batch_of, chosen_rows, outcomes_of
from reviews.forms import BatchForm


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def queue_batch(request: HttpRequest) -> HttpResponse:
    """GET shows the requests of `r` as one card (its part alone to the queue's own script), POST decides them."""
    given = request.POST if request.method == "POST" else request.GET
    rows = chosen_rows(request.user, given.getlist("r"))
    batch = batch_of(request.user, rows)
    form = BatchForm(request.POST) if request.method == "POST" else BatchForm()
    if request.method != "POST":
        return _page(request, batch, form)
    if batch.why_not:
        return _page(request, batch, form, status=409)
    if not form.is_valid():
        return _page(request, batch, form, status=422)
    verdict = Verdict(form.cleaned_data["verdict"])
    results = actions.decide_alike(
        rows, reviewer=request.user, verdict=verdict, reason=form.cleaned_data["reason"], source=Source.CONSOLE
    )
    outcomes = outcomes_of(results)
    context = {"section": "queue", "outcomes": outcomes, "decided": sum(not one.refusal for one in outcomes)}
    return render(request, "reviews/batch_done.html", context)


def _page(request: HttpRequest, batch: Batch, form: BatchForm, status: int = 200) -> HttpResponse:
    is_part = request.headers.get("HX-Request") == "true"
    template = "reviews/_partials/batch.html" if is_part else "reviews/batch.html"
    return render(request, template, {"section": "queue", "batch": batch, "form": form}, status=status)
