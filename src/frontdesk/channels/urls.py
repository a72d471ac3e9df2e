"""Django's pages of the channels app. The widget's message endpoints are raw handlers of the server, not here."""

from __future__ import annotations

from django.urls import path

from frontdesk.channels import views

app_name = "channels"
urlpatterns = [
    path("", views.demo, name="demo"),
    path("widget.js", views.widget_script, name="widget_script"),
]
