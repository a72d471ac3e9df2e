"""The operator's own provider keys, as environment variables: names that users and other tools already know."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import AliasChoices, BaseModel, Field, SecretStr, field_validator

from frontdesk.gateway.providers import web_address


@dataclass(frozen=True, slots=True)
class OperatorKey:
    """A provider key from the environment; `base_url` and `organization` are "" when not given."""

    provider: str
    key: SecretStr
    base_url: str = ""
    organization: str = ""
    variable: str = ""
    """The variable the key came from, for messages."""


def _key(provider: str, *aliases: str) -> SecretStr:
    names = (f"{provider.upper()}_API_KEY", *aliases)
    key: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices(*names) if aliases else names[0],
        description=f"The operator's key for the provider `{provider}`.",
    )
    return key


def _url(provider: str) -> str:
    url: str = Field(
        "",
        validation_alias=f"{provider.upper()}_BASE_URL",
        description=f"Where to reach `{provider}`, if not at its own address.",
    )
    return url


class OperatorKeys(BaseModel):
    """The fields of Configuration that hold provider keys, addresses and organizations."""

    openai_api_key: SecretStr = _key("openai")
    openai_base_url: str = _url("openai")
    openai_organization: str = Field(
        "", validation_alias="OPENAI_ORGANIZATION", description="The organization that calls to `openai` are billed to."
    )
    anthropic_api_key: SecretStr = _key("anthropic")
    anthropic_base_url: str = _url("anthropic")
    gemini_api_key: SecretStr = _key("gemini", "GOOGLE_API_KEY")
    gemini_base_url: str = _url("gemini")
    groq_api_key: SecretStr = _key("groq")
    groq_base_url: str = _url("groq")
    together_api_key: SecretStr = _key("together")
    together_base_url: str = _url("together")
    mistral_api_key: SecretStr = _key("mistral")
    mistral_base_url: str = _url("mistral")
    cohere_api_key: SecretStr = _key("cohere")
    cohere_base_url: str = _url("cohere")

    @field_validator("*", mode="after")
    @classmethod
    def _web_address(cls, value: object, info: object) -> object:
        if (
            str(getattr(info, "field_name", "")).endswith("_base_url")
            and value
            and not web_address.is_usable(str(value))
        ):
            raise ValueError("an http:// or https:// address is needed, without a user name, password or query")
        return value

    def operator_keys(self) -> list[OperatorKey]:
        """List the keys that are set."""
        found = []
        for field_name in type(self).model_fields:
            provider = field_name.removesuffix("_api_key")
            if provider == field_name:
                continue
            key: SecretStr = getattr(self, field_name)
            if key.get_secret_value():
                found.append(
                    OperatorKey(
                        provider=provider,
                        key=key,
                        base_url=getattr(self, f"{provider}_base_url"),
                        organization=getattr(self, f"{provider}_organization", ""),
                        variable=f"{provider.upper()}_API_KEY",
                    )
                )
        return found
