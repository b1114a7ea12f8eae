"""Addresses of the console: overview, agents, tools, traces."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
