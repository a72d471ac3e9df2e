"""What can be wrong with a message or a conversation, by what the caller has to do about it."""

from typing import Literal


class ConversationError(Exception):
    """A turn cannot go on; `code` is for programs, `message` can be shown to the visitor."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class MessageRejected(ConversationError, ValueError):
    """The message itself is not acceptable; nothing was stored."""

    def __init__(self, code: Literal["message_required", "message_too_long"], message: str) -> None:
        super().__init__(code, message)


class ConversationNotFound(ConversationError, LookupError):
    """The tenant has no such conversation on this channel."""

    def __init__(self, conversation_id: int) -> None:
        super().__init__("conversation_not_found", "This conversation does not exist. Start a new one.")
        self.conversation_id = conversation_id


class ReplyInterrupted(ConversationError):
    """The answer broke off after some of it was shown; what was shown is not a whole answer."""

    def __init__(self, conversation_id: int, turn_id: int) -> None:
        super().__init__("reply_interrupted", "The answer broke off. Please ask again.")
        self.conversation_id = conversation_id
        self.turn_id = turn_id


class ReplyDiscarded(ConversationError):
    """Somebody else took the conversation over while the answer was being made."""

    def __init__(self, conversation_id: int, turn_id: int) -> None:
        super().__init__("reply_discarded", "A colleague has taken over this conversation and will answer here.")
        self.conversation_id = conversation_id
        self.turn_id = turn_id
