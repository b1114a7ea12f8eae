"""Preferences: theme, keys, language. What belongs to one browser (sound, notifications) is kept in that browser."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST
from django.views.i18n import set_language

from reviews.models import Preferences
from reviews.preferences import preferences_of


class PreferencesForm(forms.ModelForm):
    language = forms.ChoiceField(
        required=False, choices=lambda: [("", gettext_lazy("As the browser asks")), *settings.LANGUAGES]
    )

    class Meta:
        model = Preferences
        fields = ["theme", "language", "keys"]


class QuickForm(forms.ModelForm):
    """One choice of the person menu."""

    class Meta:
        model = Preferences
        fields = ["theme"]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def preferences(request: HttpRequest) -> HttpResponse:
    kept = preferences_of(request)
    form = PreferencesForm(request.POST or None, instance=kept)
    if request.method == "POST" and form.is_valid():
        _keep(request, form)
        with translation.override(kept.language or translation.get_language()):
            messages.success(request, _("Your preferences are saved."))
        return redirect("preferences")
    context = {"form": form, "section": "preferences"}
    return render(request, "reviews/preferences.html", context, status=422 if form.errors else 200)


@never_cache
@require_POST
@login_required
def theme(request: HttpRequest) -> HttpResponse:
    """From the person menu of any page, back to that page."""
    form = QuickForm(request.POST, instance=preferences_of(request))
    if form.is_valid():
        _keep(request, form)
    return HttpResponseRedirect(_back(request))


@never_cache
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Kept with the person, and in a cookie for the pages before the log-in. Back to where it was chosen."""
    chosen = request.POST.get("language", "")
    if request.user.is_authenticated and chosen in dict(settings.LANGUAGES):
        Preferences.objects.update_or_create(user=request.user, defaults={"language": chosen})
    return set_language(request)


def _keep(request: HttpRequest, form: forms.ModelForm) -> None:
    form.instance.user = request.user
    values = {name: form.cleaned_data[name] for name in form.fields}
    Preferences.objects.update_or_create(user=request.user, defaults=values)


def _back(request: HttpRequest) -> str:
    to = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(to, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return to if safe else "/preferences/"

