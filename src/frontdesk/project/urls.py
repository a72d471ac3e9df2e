"""What Django answers: the console at /admin/ and the demo page at /. Gateway and widget routes are not Django's."""

import importlib.util

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [path("admin/", admin.site.urls)]
if importlib.util.find_spec("frontdesk.channels.urls"):
    urlpatterns.append(path("", include("frontdesk.channels.urls")))
