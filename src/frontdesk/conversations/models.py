"""A conversation and what it is made of: who writes, what was said, and how each answer came about."""

from __future__ import annotations

from django.db import models
from django.utils import timezone as clock

from frontdesk.tenants.tenancy import TenantOwned

MAX_MESSAGE = 4_000
"""Characters of a customer's message."""
MAX_TEXT = 100_000
"""Characters of any stored message; a model's reply may be longer than a customer's message."""


class Contact(TenantOwned):
    """A person who writes to a tenant; a visitor of a website stays nameless until they tell."""

    display_name = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta(TenantOwned.Meta):
        abstract = False
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.display_name or f"contact {self.pk}"


class Conversation(TenantOwned):
    """Messages of one contact on one channel. `epoch` moves when what is being answered no longer counts."""

    class Status(models.TextChoices):
        """Whether somebody still waits for something."""

        OPEN = "open"
        CLOSED = "closed"

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="conversations")
    channel = models.CharField(max_length=20, default="web")
    widget_id = models.PositiveBigIntegerField(null=True, blank=True)
    epoch = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now)

    class Meta(TenantOwned.Meta):
        abstract = False
        ordering = ["-updated_at", "-id"]
        indexes = [
            models.Index(fields=["tenant", "-updated_at"], name="conversation_by_activity"),
            models.Index(fields=["created_at"], name="conversation_by_start"),
        ]

    def __str__(self) -> str:
        return f"conversation {self.pk}"


class Turn(TenantOwned):
    """One or more messages of the contact and the reply to them. Its id is the `message_id` of replies.

    `rungs` lists every rung of the reply ladder that was looked at, in order, with its outcome.
    """

    class Status(models.TextChoices):
        """How the turn ended."""

        PENDING = "pending"
        ANSWERED = "answered"
        FAILED = "failed"
        DISCARDED = "discarded"

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="turns")
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    reply = models.OneToOneField(
        "Message", null=True, blank=True, on_delete=models.SET_NULL, related_name="answered_turn"
    )
    source_kind = models.CharField(max_length=20, blank=True)
    confidence = models.FloatField(null=True, blank=True)
    rungs = models.JSONField(default=list, blank=True)
    request_id = models.CharField(max_length=64)
    epoch = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(default=clock.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantOwned.Meta):
        abstract = False
        ordering = ["-id"]
        indexes = [models.Index(fields=["started_at"], name="turn_by_start")]

    def __str__(self) -> str:
        return f"turn {self.pk} ({self.status})"


class Message(TenantOwned):
    """Something that was said, by whom; the order of ids is the order of the conversation."""

    class Author(models.TextChoices):
        """Who said it."""

        CONTACT = "contact"
        BOT = "bot"
        OPERATOR = "operator"
        SYSTEM = "system"

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    turn = models.ForeignKey(Turn, null=True, blank=True, on_delete=models.SET_NULL, related_name="messages")
    author = models.CharField(max_length=10, choices=Author)
    text = models.TextField(max_length=MAX_TEXT)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta(TenantOwned.Meta):
        abstract = False
        ordering = ["id"]
        # With the tenant in front, or SQLite prefers the tenant's own index and walks all its messages.
        indexes = [models.Index(fields=["tenant", "conversation", "-id"], name="message_by_conversation")]

    def __str__(self) -> str:
        return f"message {self.pk} by {self.author}"
