"""Tokens in the admin: issued after a confirmation, shown once on the answer itself, revoked in place."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin

from governance import actions


def confirm(
    model_admin: ModelAdmin, request: HttpRequest, title: str, button: str, form: object = None, lead: str = ""
) -> TemplateResponse:
    """A page with one button that posts to the same address; `lead` says what happens then."""
    context = {
        **model_admin.admin_site.each_context(request), "opts": model_admin.opts, "title": title, "button": button,
        "form": form, "lead": lead,
    }
    return TemplateResponse(request, "admin/reviews/confirm.html", context)


def show_token(model_admin: ModelAdmin, request: HttpRequest, title: str, token: str) -> TemplateResponse:
    """The clear text, in this answer only: not in a message, which would lie in a cookie or the session table."""
    context = {
        **model_admin.admin_site.each_context(request), "opts": model_admin.opts, "title": title, "token": token,
    }
    response = TemplateResponse(request, "admin/reviews/token.html", context)
    response["Cache-Control"] = "no-store"
    return response


@admin.action(description="Revoke the selected tokens", permissions=["revoke"])
def revoke_selected(model_admin: ModelAdmin, request: HttpRequest, rows: QuerySet) -> None:
    """Open streams of an agent's token close at once."""
    ended = sum(actions.revoke_token(token, by=request.user) for token in rows)
    model_admin.message_user(request, f"{ended} revoked.", messages.SUCCESS)
