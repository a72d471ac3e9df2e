"""What Frontdesk knows about providers and models beyond their prices: plain data, imported into the tables of `usage`.

Windows, retirements and successors are from the providers' own model and deprecation pages, read 2026-11-20; prices
come from genai-prices. A vendor that differs only by address and flags is a row here, never code.
"""

import re

import msgspec

IMPLEMENTED_WIRES = frozenset({"openai", "simulated"})
"""The wire formats that this version can speak; providers of others are in the tables but not offered."""

NOT_CHAT = re.compile(
    r"embed|tts|whisper|transcri|image|realtime|audio|moderation|ocr|-live|computer-use|guard|orpheus|voice|lyria"
    r"|banana|omni|robotics|codex|deep-research|search|^ft:|\.ft-|:batch$|:extended$|-vision-preview$"
    r"|^(ada|babbage|curie|davinci)(-\d+)?$|^text-davinci|^gpt-3\.5-turbo-instruct$|^(gpt-[\d.]+|o\d)-pro\b"
)
"""Names in the price list that are no chat models, or not to be had over a chat wire."""

TEXT = frozenset({"tools", "json"})
VISION = TEXT | {"vision"}
REASONING = VISION | {"reasoning"}


SHUT_DOWN = {
    "openai": re.compile(r"gpt-3\.5|gpt-4(-.*)?$|gpt-4\.1-nano|o1|o3-mini|o4-mini"),
    "groq": re.compile(r"gemma|llama-?[23]|mixtral|mistral-saba|deepseek-r1"),
    "xai": re.compile(r"grok-[23]|grok-4-|grok-code-fast-1"),
}
"""Names, by provider, of further models that are shut down and have no successor of their own here."""


class ProviderRow(msgspec.Struct, frozen=True):
    """A provider: its wire format, address, default model, flags, and its name in the price list ("" = none)."""

    name: str
    display_name: str
    wire: str
    base_url: str
    default_model: str = ""
    quirks: frozenset[str] = frozenset()
    price_list: str = ""


class ModelRow(msgspec.Struct, frozen=True):
    """What the price list does not say about a model; None means unknown, rank 1 is the best."""

    provider: str
    name: str
    context_window: int | None = None
    max_output_tokens: int | None = None
    quality_rank: int = 1000
    capabilities: frozenset[str] = TEXT


class RetiredRow(msgspec.Struct, frozen=True):
    """A model that its provider has shut down, since when (ISO date), and the full name of its successor."""

    provider: str
    name: str
    since: str
    successor: str


PROVIDERS = (
    ProviderRow(
        "openai",
        "OpenAI",
        "openai",
        "https://api.openai.com/v1",
        "gpt-4o-mini",
        frozenset({"max_completion_tokens"}),
        "openai",
    ),
    ProviderRow(
        "anthropic", "Anthropic", "anthropic", "https://api.anthropic.com", "claude-haiku-5-5", price_list="anthropic"
    ),
    ProviderRow(
        "gemini",
        "Google Gemini",
        "gemini",
        "https://generativelanguage.googleapis.com",
        "gemini-3.5-flash-lite",
        price_list="google",
    ),
    ProviderRow("cohere", "Cohere", "cohere", "https://api.cohere.com", "command-a-03-2025", price_list="cohere"),
    ProviderRow(
        "groq",
        "Groq",
        "openai",
        "https://api.groq.com/openai/v1",
        "openai/gpt-oss-120b",
        frozenset({"max_completion_tokens"}),
        "groq",
    ),
    ProviderRow(
        "together",
        "Together AI",
        "openai",
        "https://api.together.xyz/v1",
        "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        price_list="together",
    ),
    ProviderRow(
        "mistral",
        "Mistral AI",
        "openai",
        "https://api.mistral.ai/v1",
        "mistral-small-latest",
        frozenset({"no_stream_options"}),
        "mistral",
    ),
    ProviderRow(
        "openrouter",
        "OpenRouter",
        "openai",
        "https://openrouter.ai/api/v1",
        "openai/gpt-6-luna",
        price_list="openrouter",
    ),
    ProviderRow(
        "deepseek", "DeepSeek", "openai", "https://api.deepseek.com/v1", "deepseek-flash", price_list="deepseek"
    ),
    ProviderRow("xai", "xAI", "openai", "https://api.x.ai/v1", "grok-4.3", price_list="x-ai"),
    ProviderRow("ollama", "Ollama (local)", "openai", "http://127.0.0.1:11434/v1"),
    ProviderRow("simulated", "Simulated (no AI, for trying things out)", "simulated", ""),
)

SIMULATED_MODEL = ModelRow("simulated", "echo", 128_000, 16_384, 100_000, frozenset())

MODELS = (
    SIMULATED_MODEL,
    ModelRow("openai", "gpt-6-astra", 1_050_000, 128_000, 10, REASONING),
    ModelRow("openai", "gpt-6.1-sol", 1_050_000, 128_000, 30, REASONING),
    ModelRow("openai", "gpt-6-sol", 1_050_000, 128_000, 50, REASONING),
    ModelRow("openai", "gpt-5.6-sol", 1_050_000, 128_000, 70, REASONING),
    ModelRow("openai", "gpt-6.1-terra", 1_050_000, 128_000, 80, REASONING),
    ModelRow("openai", "gpt-5.5", quality_rank=90, capabilities=REASONING),
    ModelRow("openai", "gpt-5.6-terra", 1_050_000, 128_000, 120, REASONING),
    ModelRow("openai", "gpt-5.4", quality_rank=140, capabilities=REASONING),
    ModelRow("openai", "gpt-5.2", 400_000, 128_000, 160, REASONING),
    ModelRow("openai", "gpt-5.1", 400_000, 128_000, 180, REASONING),
    ModelRow("openai", "gpt-5", 400_000, 128_000, 200, REASONING),
    ModelRow("openai", "o3", 200_000, 100_000, 210, REASONING),
    ModelRow("openai", "o1", 200_000, 100_000, 240, REASONING),
    ModelRow("openai", "gpt-6-luna", 1_050_000, 128_000, 250, REASONING),
    ModelRow("openai", "gpt-5.6-luna", 1_050_000, 128_000, 270, REASONING),
    ModelRow("openai", "o4-mini", 200_000, 100_000, 280, REASONING),
    ModelRow("openai", "gpt-5-mini", 400_000, 128_000, 300, REASONING),
    ModelRow("openai", "gpt-4.1", 1_047_576, 32_768, 320, VISION),
    ModelRow("openai", "o3-mini", 200_000, 100_000, 330, TEXT | {"reasoning"}),
    ModelRow("openai", "o1-preview", 128_000, 32_768, 340, frozenset({"reasoning"})),
    ModelRow("openai", "gpt-4o", 128_000, 16_384, 350, VISION),
    ModelRow("openai", "gpt-4o-2024-08-06", 128_000, 16_384, 350, VISION),
    ModelRow("openai", "gpt-4o-2024-11-20", 128_000, 16_384, 350, VISION),
    ModelRow("openai", "gpt-4.1-mini", 1_047_576, 32_768, 400, VISION),
    ModelRow("openai", "o1-mini", 128_000, 65_536, 420, frozenset({"reasoning"})),
    ModelRow("openai", "gpt-5-nano", 400_000, 128_000, 450, REASONING),
    ModelRow("openai", "gpt-4-turbo", 128_000, 4_096, 480, VISION),
    ModelRow("openai", "gpt-4o-mini", 128_000, 16_384, 500, VISION),
    ModelRow("openai", "gpt-4o-mini-2024-07-18", 128_000, 16_384, 500, VISION),
    ModelRow("openai", "gpt-4", 8_192, 8_192, 520, TEXT),
    ModelRow("openai", "gpt-4.1-nano", 1_047_576, 32_768, 550, VISION),
    ModelRow("openai", "gpt-3.5-turbo", 16_385, 4_096, 800, TEXT),
    ModelRow("anthropic", "claude-opus-5-5", 1_000_000, 128_000, 20, REASONING),
    ModelRow("anthropic", "claude-opus-5", 1_000_000, 128_000, 40, REASONING),
    ModelRow("anthropic", "claude-sonnet-5-5", 1_000_000, 128_000, 60, REASONING),
    ModelRow("anthropic", "claude-haiku-5-5", 1_000_000, 128_000, 220, REASONING),
    ModelRow("anthropic", "claude-sonnet-4-5", 200_000, 64_000, 190, REASONING),
    ModelRow("anthropic", "claude-haiku-4-5", 200_000, 64_000, 310, REASONING),
    ModelRow("anthropic", "claude-3-haiku-20240307", 200_000, 4_096, 700, VISION),
    ModelRow("gemini", "gemini-4-argon", 1_048_576, None, 15, REASONING),
    ModelRow("gemini", "gemini-3.8-flash", 1_000_000, None, 130, REASONING),
    ModelRow("gemini", "gemini-3.5-flash-lite", 1_000_000, None, 380, REASONING),
    ModelRow("gemini", "gemini-2.5-pro", 1_048_576, 65_536, 170, REASONING),
    ModelRow("gemini", "gemini-2.5-flash", 1_048_576, 65_536, 290, REASONING),
    ModelRow("gemini", "gemini-1.5-pro", 2_097_152, 8_192, 600, VISION),
    ModelRow("gemini", "gemini-1.5-flash", 1_048_576, 8_192, 650, VISION),
    ModelRow("gemini", "gemini-pro", 32_768, 2_048, 850, TEXT),
    ModelRow("cohere", "command-a-03-2025", 256_000, 8_000, 430, TEXT),
    ModelRow("groq", "openai/gpt-oss-120b", 131_072, 65_536, 360, TEXT | {"reasoning"}),
    ModelRow("groq", "openai/gpt-oss-20b", 131_072, 65_536, 530, TEXT | {"reasoning"}),
    ModelRow("groq", "llama-3.3-70b-versatile", 131_072, 32_768, 560, TEXT),
    ModelRow("groq", "llama-3.1-8b-instant", 131_072, 131_072, 820, TEXT),
    ModelRow("groq", "llama3-70b-8192", 8_192, 8_192, 750, TEXT),
    ModelRow("groq", "mixtral-8x7b-32768", 32_768, 32_768, 830, TEXT),
    ModelRow("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo", 131_072, None, 560, TEXT),
    ModelRow("mistral", "mistral-large-4", 1_048_576, None, 150, VISION),
    ModelRow("mistral", "mistral-medium-latest", None, None, 260, VISION),
    ModelRow("mistral", "mistral-small-latest", 262_144, None, 460, VISION),
    ModelRow("deepseek", "deepseek-v4-pro", 1_000_000, None, 155, TEXT | {"reasoning"}),
    ModelRow("deepseek", "deepseek-flash", 1_000_000, None, 265, TEXT | {"reasoning"}),
    ModelRow("xai", "grok-4.7", 500_000, None, 75, REASONING),
    ModelRow("xai", "grok-4.3", 1_000_000, None, 230, REASONING),
)

# Where the provider names a successor that takes other parameters than its predecessor (reasoning models refuse
# `temperature`), the best of its models that takes the same ones is named instead.
RETIRED = (
    RetiredRow("openai", "gpt-3.5-turbo", "2026-10-23", "openai/gpt-4.1-mini"),
    RetiredRow("openai", "gpt-3.5-turbo-0125", "2026-10-23", "openai/gpt-4.1-mini"),
    RetiredRow("openai", "gpt-4", "2026-10-23", "openai/gpt-4.1"),
    RetiredRow("openai", "gpt-4-0613", "2026-10-23", "openai/gpt-4.1"),
    RetiredRow("openai", "gpt-4-turbo", "2026-10-23", "openai/gpt-4.1"),
    RetiredRow("openai", "gpt-4-turbo-2024-04-09", "2026-10-23", "openai/gpt-4.1"),
    RetiredRow("openai", "gpt-4-32k", "2025-06-06", "openai/gpt-4.1"),
    RetiredRow("openai", "gpt-4.5-preview", "2025-07-14", "openai/gpt-4.1"),
    RetiredRow("openai", "chatgpt-4o-latest", "2026-02-17", "openai/gpt-4.1"),
    RetiredRow("openai", "gpt-4o-2024-05-13", "2026-10-23", "openai/gpt-4.1"),
    RetiredRow("openai", "gpt-4.1-nano", "2026-10-23", "openai/gpt-4.1-mini"),
    RetiredRow("openai", "o1", "2026-10-23", "openai/gpt-5.6-sol"),
    RetiredRow("openai", "o1-preview", "2025-07-28", "openai/gpt-5.6-sol"),
    RetiredRow("openai", "o1-mini", "2025-10-27", "openai/gpt-5.6-terra"),
    RetiredRow("openai", "o3-mini", "2026-10-23", "openai/gpt-5.6-sol"),
    RetiredRow("openai", "o4-mini", "2026-10-23", "openai/gpt-5.6-terra"),
    RetiredRow("anthropic", "claude-3-haiku-20240307", "2026-04-20", "anthropic/claude-haiku-4-5"),
    RetiredRow("anthropic", "claude-3-5-haiku-latest", "2026-02-19", "anthropic/claude-haiku-4-5"),
    RetiredRow("anthropic", "claude-3-sonnet", "2025-07-21", "anthropic/claude-sonnet-5-5"),
    RetiredRow("anthropic", "claude-3-5-sonnet", "2025-10-28", "anthropic/claude-sonnet-5-5"),
    RetiredRow("anthropic", "claude-3-7-sonnet-latest", "2026-02-19", "anthropic/claude-sonnet-5-5"),
    RetiredRow("anthropic", "claude-3-opus-latest", "2026-01-05", "anthropic/claude-opus-5-5"),
    RetiredRow("gemini", "gemini-pro", "2025-02-15", "gemini/gemini-3.5-flash-lite"),
    RetiredRow("gemini", "gemini-1.5-flash", "2025-09-29", "gemini/gemini-3.5-flash-lite"),
    RetiredRow("gemini", "gemini-1.5-pro", "2025-09-29", "gemini/gemini-3.8-flash"),
    RetiredRow("groq", "mixtral-8x7b-32768", "2025-03-20", "groq/openai/gpt-oss-120b"),
    RetiredRow("groq", "llama3-70b-8192", "2025-08-30", "groq/openai/gpt-oss-120b"),
    RetiredRow("groq", "llama-3.3-70b-versatile", "2026-08-16", "groq/openai/gpt-oss-120b"),
    RetiredRow("groq", "llama-3.1-8b-instant", "2026-08-16", "groq/openai/gpt-oss-20b"),
)

ALIASES = (
    ("llama3-70b", "groq/openai/gpt-oss-120b", "short for llama3-70b-8192, retired 2025-08-30"),
    ("claude-3-haiku", "anthropic/claude-haiku-4-5", "short for claude-3-haiku-20240307, retired 2026-04-20"),
)
"""Further names: the name, the full name it stands for, and why."""
