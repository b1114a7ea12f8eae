"""Addresses of the console: preferences, language, what an installed web app needs."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
