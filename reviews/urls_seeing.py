"""Addresses of the console: overview, agents, tools, traces."""

from django.urls import path

from reviews.views.agents import agent, agents
from reviews.views.overview import overview
from reviews.views.tools import tool, tools
from reviews.views.trace import trace

urlpatterns = [
    path("overview/", overview, name="overview"),
    path("agents/", agents, name="agents"),
    path("agents/<int:pk>/", agent, name="agent"),
    path("tools/", tools, name="tools"),
    path("tools/<int:pk>/", tool, name="tool"),
    path("requests/<str:reference>/trace/", trace, name="trace"),
]
