"""Addresses of the console: preferences, language, what an installed web app needs."""

from django.urls import path

from reviews.views import preferences, webapp

urlpatterns = [
    path("preferences/", preferences.preferences, name="preferences"),
    path("preferences/theme/", preferences.theme, name="theme"),
    path("language/", preferences.language, name="set_language"),
    path("waiting/", webapp.waiting, name="waiting"),
    path("manifest.webmanifest", webapp.manifest, name="manifest"),
    path("sw.js", webapp.service_worker, name="service_worker"),
    path("offline/", webapp.offline, name="offline"),
]
