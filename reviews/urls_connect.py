"""Addresses of the console: connecting an agent, the playground, the documentation."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
