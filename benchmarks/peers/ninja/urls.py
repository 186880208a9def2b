"""The paths of Django."""

from django.urls import path

from benchmarks.peers.ninja.api import api

urlpatterns = [path("api/", api.urls)]
