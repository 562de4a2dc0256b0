"""Settings of the model endpoints. `row` marks those that change what a row is (see `codeseq_ray.settings`)."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode


def _endpoint_url(url: str) -> str:
    """An http(s) address without credentials: settings are stored with the run, and a URL is not a secret."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected the base URL of an OpenAI-compatible server, like http://host:8000/v1")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user name or password; give the key as the API key setting instead")
    if parts.query or parts.fragment:
        raise ValueError(
            "holds a query; a key in it would be stored with the run: give the API key setting instead"
        )
    return url.strip().rstrip("/")


def _split(value: Any) -> Any:
    return [url.strip() for url in value.split(",")] if isinstance(value, str) else value


def _some(urls: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if urls is None:
        return None
    if not urls:
        raise ValueError("expected at least one URL")
    return tuple(dict.fromkeys(urls))


EndpointUrl = Annotated[str, AfterValidator(_endpoint_url)]
EndpointUrls = Annotated[
    tuple[EndpointUrl, ...] | None,
    BeforeValidator(_split),
    AfterValidator(_some),
    # One text in the environment, as on the command line; otherwise it would have to be JSON there.
    NoDecode,
]
"""One URL or several: separated by commas in a text, or a list."""


class ServerSettings(BaseModel):
    """How model servers are asked, whatever is asked of them."""

    requests_in_flight: int = Field(
        64,
        ge=1,
        description="Most requests that one loop actor has out at one server; halved when it is refused.",
    )
    follow_engine_queue: bool = Field(
        False,
        description="Read vLLM's /metrics every second and keep its queue just above empty, with at most "
        "--requests-in-flight of each actor there.",
    )
    request_timeout_seconds: float = Field(
        # A full vLLM queues without a word, and a time-out pays for the whole answer again: be patient.
        600.0,
        gt=0,
        description="Most seconds that one request may take, its time in the server's queue included; less "
        "once the server's speed has been observed.",
    )
    request_retries: int = Field(
        5,
        ge=0,
        description="Further tries of a request that met 5xx, a broken answer or connection (429: four times as "
        "many); a time-out is tried once more at most. Waiting for a server that is down takes none.",
    )
    endpoint_patience_minutes: float = Field(
        60.0,
        gt=0,
        description="Minutes without any server of a role after which the run stops, to go on later.",
    )
    await_endpoints: bool = Field(
        False, description="Begin although no server of a role answers yet, and wait for one."
    )


class AgentSettings(BaseModel):
    """Where the two agents' models are, and what is asked of them."""

    generator_url: EndpointUrls = Field(
        None,
        description="Base URL of the working agent's OpenAI-compatible server, like http://host:8000/v1; "
        "several, separated by commas, share the work.",
    )
    generator_model: str | None = Field(
        None, description="The working agent's model, by the server's name.", json_schema_extra={"row": True}
    )
    generator_revision: str | None = Field(
        None,
        description="Revision of the generator's weights, for the rows: they say model@revision.",
        json_schema_extra={"row": True},
    )
    generator_api_key: SecretStr | None = Field(
        None, description="API key for the generator URL, if it needs one."
    )
    generator_temperature: float = Field(
        0.7,
        ge=0,
        le=2,
        description="Sampling temperature of the working agent.",
        json_schema_extra={"row": True},
    )
    verifier_url: EndpointUrls = Field(
        None, description="Base URLs of the guiding agent's servers. They may be the generator's."
    )
    verifier_model: str | None = Field(
        None,
        description="The guiding agent's model; better another one than the generator.",
        json_schema_extra={"row": True},
    )
    verifier_revision: str | None = Field(
        None, description="Revision of the verifier's weights, for the rows.", json_schema_extra={"row": True}
    )
    verifier_api_key: SecretStr | None = Field(
        None, description="API key for the verifier URL, if it needs one."
    )
    verifier_temperature: float = Field(
        # Not 0: a second try at temperature 0 would only repeat the first.
        0.3,
        ge=0,
        le=2,
        description="Sampling temperature of the guiding agent.",
        json_schema_extra={"row": True},
    )
    filter_max_tokens: int = Field(
        1024,
        ge=1,
        description="Most tokens of the filter's answer, and of its look back at it.",
        json_schema_extra={"row": True},
    )
    problem_max_tokens: int = Field(
        2048, ge=1, description="Most tokens of a written problem.", json_schema_extra={"row": True}
    )
    validation_max_tokens: int = Field(
        2048, ge=1, description="Most tokens of a validation.", json_schema_extra={"row": True}
    )
    program_max_tokens: int = Field(
        4096,
        ge=1,
        description="Most tokens of a program or a corrected one, with its reasoning.",
        json_schema_extra={"row": True},
    )
    analysis_max_tokens: int = Field(
        2048, ge=1, description="Most tokens of a failure analysis.", json_schema_extra={"row": True}
    )
    prompts: str | None = Field(
        None, description="Folder with prompt files (*.j2) that replace the built-in ones of the same name."
    )


class PolicySettings(BaseModel):
    """Where the model is whose answers are sampled, and how it samples."""

    policy_url: EndpointUrls = Field(
        None,
        description="Base URL of the policy's OpenAI-compatible server, like http://host:8000/v1; several, separated "
        "by commas, share the work.",
    )
    policy_model: str | None = Field(
        None, description="The policy, by the server's name.", json_schema_extra={"row": True}
    )
    policy_revision: str | None = Field(
        None,
        description="Revision of the policy's weights, for the rows: they say model@revision.",
        json_schema_extra={"row": True},
    )
    policy_api_key: SecretStr | None = Field(
        None, description="API key for the policy's URL, if it needs one."
    )
    temperature: float = Field(
        1.0, ge=0, le=2, description="Sampling temperature.", json_schema_extra={"row": True}
    )
    max_tokens: int = Field(
        10_240,
        ge=1,
        description="Most tokens of an answer; less where the server's context leaves less.",
        json_schema_extra={"row": True},
    )


# In reverse: pydantic lists the fields of the last base first, and --help should begin with the models.
class LLMSettings(ServerSettings, AgentSettings):
    """The two agents' models and their servers."""


class PolicyServerSettings(ServerSettings, PolicySettings):
    """The policy and its servers."""
