"""Every setting of a service, declared once; read from the environment by its upper-case name."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.identity import IdentitySecret


class Settings(BaseSettings):
    """What a service must know of the world around it. Secrets have no default."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    database_url: str = Field(
        repr=False, description="PostgreSQL of the county, as its owner: postgresql://user:pass@host/db"
    )
    kafka_bootstrap_servers: str = Field(description="Kafka brokers, host:port separated by commas")
    kafka_topic_prefix: str = Field(
        default="", description="Before each topic and group, on a broker shared with others"
    )
    kafka_replication: int = Field(default=1, ge=1, le=9, description="Copies of each topic; 3 where brokers are three")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_username: str | None = Field(default=None, description="The service's account at the brokers")
    kafka_password: str | None = Field(default=None, repr=False)
    kafka_ca_file: Path | None = Field(default=None, description="Who signs the brokers' certificates; PEM")
    kafka_cert_file: Path | None = Field(default=None, description="The service's own certificate, for mutual TLS; PEM")
    kafka_key_file: Path | None = None
    sealing_keys: str = Field(
        default="",
        repr=False,
        pattern=r"^([a-z0-9]{1,12}:[0-9a-f]{64}(,[a-z0-9]{1,12}:[0-9a-f]{64})*)?$",
        description="What encrypts at rest: `name:64 hex digits`, the current first; empty: by the identity secret",
    )
    identity_secret: str = Field(
        min_length=16, repr=False, description="Keys the hashes and the encryption of ID numbers"
    )
    session_secret: str = Field(min_length=16, repr=False, description="Signs browser sessions")
    oidc_issuer: str = Field(description="The identity provider's issuer URL")
    oidc_jwks: str | None = Field(default=None, description="Its public keys as JSON, instead of fetching them")
    oidc_client_id: str = "yunjing"
    oidc_client_secret: str = Field(default="", repr=False)
    oidc_audience: str | None = Field(default=None, description="Demanded `aud` of tokens; the client id when empty")
    data_dir: Path = Path(".local/data")
    papers_url: str | None = Field(
        default=None,
        pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9/_-]*)?$",
        description="Where received files lie instead of DATA_DIR: s3://bucket/folder of an S3-compatible store",
    )
    s3_endpoint: str | None = Field(default=None, description="The store's address: https://minio.county:9000")
    s3_region: str = "us-east-1"
    s3_access_key_id: str | None = None
    s3_secret_access_key: str | None = Field(default=None, repr=False)
    approval_url: str = "http://127.0.0.1:8101"
    detector_url: str = "http://127.0.0.1:8102"
    notifier_url: str = "http://127.0.0.1:8103"
    disclosure_url: str = "http://127.0.0.1:8104"
    otlp_endpoint: str | None = Field(
        default=None, description="Where traces go: a collector, or file:///folder; none when empty"
    )
    database_pool: int = Field(default=8, ge=1, le=200)
    consumer_batch: int = Field(default=5_000, ge=1, le=20_000, description="Most events of one transaction")
    allow_private_webhooks: bool = Field(default=False, description="Let webhooks reach private addresses")
    rate_limits: bool = Field(default=True, description="Count requests of persons and clients; off for load tests")
    channels_file: Path | None = Field(
        default=None, description="The county's gateways of mail, text messages and chats (docs/channels.md)"
    )
    paper_log_key: str | None = Field(
        default=None,
        repr=False,
        pattern=r"^[0-9a-f]{64}$",
        description="The Ed25519 secret that signs the log of disclosed originals, 64 hex digits: disclosure needs it",
    )
    fonts_dir: Path | None = Field(default=None, description="A folder of fonts for PDF, beside the machine's own")

    @field_validator("identity_secret")
    @classmethod
    def _with_sealing_keys(cls, secret: str, info: ValidationInfo) -> IdentitySecret:
        return IdentitySecret(secret, info.data.get("sealing_keys", ""))

    @model_validator(mode="after")
    def _named_at_the_brokers(self) -> Self:
        if self.kafka_security_protocol.startswith("SASL") and not (self.kafka_username and self.kafka_password):
            raise ValueError(
                f"KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol} 需要 KAFKA_USERNAME 与 KAFKA_PASSWORD / "
                "needs KAFKA_USERNAME and KAFKA_PASSWORD"
            )
        return self
