"""Which language a page speaks: the person's choice, else the browser's. What programs read is English, always."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

from reviews.preferences import preferences_of
from reviews.problems import PROGRAM_PATHS


class LanguageMiddleware(LocaleMiddleware):
    """Stands after authentication, as the person's choice is kept with the person."""

    def process_request(self, request: HttpRequest) -> None:
        translation.activate(_language(request))
        request.LANGUAGE_CODE = translation.get_language()

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        return response if _is_for_programs(request) else super().process_response(request, response)


def _language(request: HttpRequest) -> str:
    if _is_for_programs(request):
        return settings.LANGUAGE_CODE
    chosen = preferences_of(request).language
    known = dict(settings.LANGUAGES)
    return chosen if chosen in known else translation.get_language_from_request(request)


def _is_for_programs(request: HttpRequest) -> bool:
    return request.path_info.startswith(PROGRAM_PATHS)
