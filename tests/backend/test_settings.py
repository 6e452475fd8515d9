"""Settings: the guide's names, and what each refuses."""

from __future__ import annotations

import pytest

from harness.backend.settings import DEVELOPMENT_SECRET, BadSetting, load

GUIDE = {
    "NODE_ENV": "development",
    "PORT": "3101",
    "FRONTEND_URL": "http://localhost:3200",
    "BACKEND_URL": "http://localhost:3101",
    "DATABASE_URL": "postgresql://sora2user:sora2pass@localhost:5432/sora2?schema=public",
    "JWT_SECRET": "dev-secret-key-change-in-production",
}
OTHERS = ("HOST", "REDIS_URL", "LOG_DIR", "HEALTH_TIMEOUT", "DB_POOL_SIZE")


@pytest.fixture(autouse=True)
def guide(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guide's environment."""
    for name in OTHERS:
        monkeypatch.delenv(name, raising=False)
    for name, value in GUIDE.items():
        monkeypatch.setenv(name, value)


def test_guides_environment_is_understood() -> None:
    """
    The guide's own .env is accepted as it stands, and the rest has defaults.
    """
    settings = load()

    assert (settings.port, settings.host, settings.origins) == (3101, "127.0.0.1", ["http://localhost:3200"])
    assert (settings.redis_url, settings.health_ms) == ("redis://localhost:6379", 2000)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "70000", "PORT=70000: "),
        ("NODE_ENV", "prod", "NODE_ENV=prod: "),
        ("DATABASE_URL", "", "DATABASE_URL is not set, for example "),
        ("DATABASE_URL", "postgresql://u:hidden@h:x/d", "DATABASE_URL: its port must be a number"),
        ("REDIS_URL", "redis://:hidden@localhost:99999", "REDIS_URL: its port must be a number"),
        ("REDIS_URL", "http://localhost", "REDIS_URL: must begin with redis://"),
        ("JWT_SECRET", "hidden", "JWT_SECRET: must have at least 32 bytes"),
        ("HEALTH_TIMEOUT", "-1", "HEALTH_TIMEOUT=-1: "),
        ("HEALTH_TIMEOUT", "nan", "HEALTH_TIMEOUT=nan: "),
        ("FRONTEND_URL", "localhost:3200", "FRONTEND_URL=localhost:3200: must be origins like "),
    ],
)
def test_bad_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    """
    A value that cannot be meant is refused in one line with the setting's name, without what is secret.
    """
    monkeypatch.setenv(name, value)

    with pytest.raises(BadSetting) as refused:
        load()

    assert str(refused.value).startswith(said)
    assert len(str(refused.value).splitlines()) == 1
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("secret", ["", DEVELOPMENT_SECRET])
def test_production_refuses_the_development_secret(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    """
    NODE_ENV=production does not start with the secret that everybody knows, given or by default.
    """
    monkeypatch.setenv("NODE_ENV", "production")
    monkeypatch.setenv("JWT_SECRET", secret)

    with pytest.raises(BadSetting, match="JWT_SECRET"):
        load()


def test_durations_may_be_fractions(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A duration scaled down, by 20 say, is taken as it is.
    """
    monkeypatch.setenv("HEALTH_TIMEOUT", "12.5")

    assert load().health_ms == 12.5
