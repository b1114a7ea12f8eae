"""Addresses of the console."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from reviews import urls_connect, urls_seeing, urls_shell
from reviews.views.batch import queue_batch
from reviews.views.halts import halt, halts, resume
from reviews.views.history import history
from reviews.views.home import home
from reviews.views.preview import request_preview
from reviews.views.queue import queue, queue_row, queue_rows
from reviews.views.requests import (
    ask,
    claim,
    decide,
    edit,
    extend,
    hand_over,
    release,
    request_page,
    request_pane,
    request_state,
    undo,
)
from reviews.views.saved_views import save_view, saved_view

_LOGIN = {"template_name": "reviews/login.html", "redirect_authenticated_user": True}

urlpatterns = [
    path("", home, name="home"),
    # Guessing is throttled by django-axes, which answers with reviews/locked_out.html (429).
    path("login/", LoginView.as_view(**_LOGIN), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("queue/", queue, name="queue"),
    path("queue/batch/", queue_batch, name="queue_batch"),
    path("saved-views/", save_view, name="save_view"),
    path("saved-views/<int:pk>/", saved_view, name="saved_view"),
    path("queue/rows/", queue_rows, name="queue_rows"),
    path("queue/rows/<str:reference>/", queue_row, name="queue_row"),
    path("requests/<str:reference>/", request_page, name="request"),
    path("requests/<str:reference>/state/", request_state, name="request_state"),
    path("requests/<str:reference>/preview/", request_preview, name="request_preview"),
    path("requests/<str:reference>/pane/", request_pane, name="request_pane"),
    path("requests/<str:reference>/decide/", decide, name="decide"),
    path("requests/<str:reference>/undo/", undo, name="undo"),
    path("requests/<str:reference>/edit/", edit, name="edit"),
    path("requests/<str:reference>/ask/", ask, name="ask"),
    path("requests/<str:reference>/extend/", extend, name="extend"),
    path("requests/<str:reference>/claim/", claim, name="claim"),
    path("requests/<str:reference>/release/", release, name="release"),
    path("requests/<str:reference>/hand-over/", hand_over, name="hand_over"),
    path("history/", history, name="history"),
    path("halts/", halts, name="halts"),
    path("halts/<str:kind>/<int:pk>/halt/", halt, name="halt"),
    path("halts/<str:kind>/<int:pk>/resume/", resume, name="resume"),
    *urls_seeing.urlpatterns,
    *urls_connect.urlpatterns,
    *urls_shell.urlpatterns,
]
