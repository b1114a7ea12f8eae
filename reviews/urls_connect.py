"""Addresses of the console: connecting an agent, the playground, the documentation."""

from django.urls import path

from reviews.views.connect import connect, connect_heard, connect_revoke, connect_token
from reviews.views.docs import doc, doc_picture, docs
from reviews.views.playground import playground, playground_begin, playground_end, playground_steps

urlpatterns = [
    path("connect/", connect, name="connect"),
    path("connect/tokens/<int:pk>/", connect_token, name="connect_token"),
    path("connect/tokens/<int:pk>/heard/", connect_heard, name="connect_heard"),
    path("connect/tokens/<int:pk>/revoke/", connect_revoke, name="connect_revoke"),
    path("playground/", playground, name="playground"),
    path("playground/begin/", playground_begin, name="playground_begin"),
    path("playground/end/", playground_end, name="playground_end"),
    path("playground/steps/<str:reference>/", playground_steps, name="playground_steps"),
    path("docs/", docs, name="docs"),
    path("docs/pictures/<str:name>", doc_picture, name="doc_picture"),
    path("docs/<slug:slug>/", doc, name="doc"),
]
