"""Tags of the console's frame."""

from django import template
from django.conf import settings

from reviews import durations

register = template.Library()


@register.simple_tag
def time_words() -> dict[str, str]:
    return durations.words()


@register.simple_tag
def languages() -> list[tuple[str, str]]:
    return settings.LANGUAGES
