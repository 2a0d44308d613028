"""Bad settings are refused before serving, in words that name the setting and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from ha_sidecar.cli import EX_CONFIG, main
from ha_sidecar.config import load
from ha_sidecar.errors import ConfigError
from ha_sidecar.settings import Settings
from tests.servers.authority import Authority

GOOD = 'scope = "demo"\netcd_endpoints = ["http://10.0.0.1:2379"]\n'


def load_text(
    directory: Path,
    text: str,
    environment: dict[str, str] | None = None,
    flags: dict[str, str] | None = None,
) -> Settings:
    file = directory / "sidecar.toml"
    file.write_text(text)
    return load(file, environment or {}, flags or {})


def refusal(directory: Path, text: str, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as refused:
        load_text(directory, text, environment)
    return str(refused.value)


def test_file_environment_and_flags_take_precedence_in_this_order(tmp_path: Path) -> None:
    text = GOOD + "probe_interval = 0.2\nprobe_timeout = 0.3\nprove_timeout = 2\n"
    environment = {"HA_SIDECAR_PROBE_TIMEOUT": "400ms", "HA_SIDECAR_PROVE_TIMEOUT": "3"}
    settings = load_text(tmp_path, text, environment, {"prove_timeout": "1m"})
    assert settings.probe_interval == 0.2
    assert settings.probe_timeout == 0.4
    assert settings.prove_timeout == 60.0
    assert settings.switching_timeout == 30.0


def test_environment_alone_is_enough() -> None:
    environment = {
        "HA_SIDECAR_SCOPE": "demo",
        "HA_SIDECAR_ETCD_ENDPOINTS": "http://10.0.0.1:2379, https://10.0.0.2:2379/",
        "HA_SIDECAR_SOCKET_MODE": "0600",
        "HA_SIDECAR_CONFIG": "/elsewhere",
    }
    settings = load(None, environment, {})
    assert settings.etcd_endpoints == ("http://10.0.0.1:2379", "https://10.0.0.2:2379")
    assert settings.socket_mode == 0o600


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('scope = "demo"\n', ["etcd_endpoints is missing", "etcd_endpoints = ["]),
        ('scope = "demo"\netcd_endpoints = []\n', ["etcd_endpoints is missing"]),
        ('etcd_endpoints = ["http://10.0.0.1:2379"]\n', ["scope is missing"]),
        (GOOD + "probe_intervall = 1\n", ["probe_intervall", "did you mean probe_interval?"]),
        (GOOD + 'probe_interval = "soon"\n', ["probe_interval", "'soon'", "500ms"]),
        (GOOD + "probe_interval = 0\n", ["probe_interval", "above zero"]),
        (GOOD + "probe_interval = 1.5\n", ["probe_interval", "below", "prove_timeout"]),
        (GOOD + "probe_timeout = 1\n", ["probe_timeout", "below", "prove_timeout"]),
        (GOOD + "socket_mode = 660\n", ["socket_mode", "0660"]),
        (GOOD + 'topology_path = "here.json"\n', ["topology_path", "absolute path"]),
        (GOOD + 'log_level = "loud"\n', ["log_level", "debug, info"]),
        (GOOD + "socket_clients = 0\n", ["socket_clients", "from 1 to"]),
        (GOOD + 'etcd_username = "me"\n', ["etcd_username", "etcd_password_file"]),
        (GOOD + 'etcd_ca = "/nowhere/ca.pem"\n', ["etcd_ca", "/nowhere/ca.pem"]),
        ('scope = "demo"\netcd_endpoints = ["10.0.0.1:2379"]\n', ["etcd_endpoints", "http://"]),
        ('scope = "demo"\netcd_endpoints = ["http://10.0.0.1:x"]\n', ["etcd_endpoints"]),
        ('scope = "demo"\netcd_endpoints = ["http://10.0.0.1"]\n', ["etcd_endpoints", "port"]),
        (GOOD + 'patroni_urls = ["http://10.0.0.1:8008/x"]\n', ["patroni_urls", "after the port"]),
        (GOOD + 'listen = "10.0.0.5:8009"\n', ["listen is set without token_file"]),
        (GOOD + 'listen = "localhost:8009"\n', ["listen", "an IP address and a port"]),
        (GOOD + 'listen = "10.0.0.5:70000"\n', ["listen", "from 1 to 65535"]),
        (GOOD + 'haproxy_sockets = ["admin.sock"]\n', ["haproxy_sockets", "tcp:address:port"]),
        (GOOD + 'haproxy_sockets = ["tcp:lb:9999"]\n', ["haproxy_sockets", "an IP address"]),
        (GOOD + 'haproxy_backend = "a; quit"\n', ["haproxy_backend", "one word"]),
        ("scope = demo\n", ["--config", "isn't TOML"]),
    ],
)
def test_refusals_name_setting_and_remedy(tmp_path: Path, text: str, words: list[str]) -> None:
    said = refusal(tmp_path, text)
    assert all(word in said for word in words), said


def test_unknown_variable_is_refused_with_the_nearest(tmp_path: Path) -> None:
    said = refusal(tmp_path, GOOD, {"HA_SIDECAR_PROBE_USR": "x"})
    assert "HA_SIDECAR_PROBE_USR" in said
    assert "did you mean HA_SIDECAR_PROBE_USER?" in said


def test_secret_file_that_is_missing_or_empty_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "password"
    text = GOOD + f'probe_password_file = "{path}"\n'
    assert "No such file" in refusal(tmp_path, text)
    path.write_text("\n")
    assert "is empty" in refusal(tmp_path, text)
    path.write_text("s3cret\n")
    assert load_text(tmp_path, text).probe_password_file == path


def test_token_that_could_be_guessed_is_refused_and_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("guess-me\n")
    text = GOOD + f'listen = "10.0.0.5:8009"\ntoken_file = "{path}"\n'
    said = refusal(tmp_path, text)
    assert "at least 16 characters" in said
    assert "guess-me" not in said
    path.write_text("0123456789abcdef\n")
    assert load_text(tmp_path, text).listen == ("10.0.0.5", 8009)


@pytest.mark.parametrize("name", ["etcd_ca", "patroni_ca", "probe_sslrootcert"])
def test_a_file_without_certificates_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("no certificate\n")
    assert refusal(tmp_path, GOOD + f'{name} = "{path}"\n').startswith(
        f"{name}: {path} should hold"
    )


def test_a_client_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("client", [])
    _, of_another = authority.issue("another", [])
    text = GOOD + f'etcd_cert = "{certificate}"\netcd_key = "%s"\n'
    assert load_text(tmp_path, text % key).etcd_key == key
    locked = tmp_path / "locked.key"
    pem = serialization.load_pem_private_key(key.read_bytes(), None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"word"),
    )
    locked.write_bytes(pem)
    for wrong in (of_another, certificate, locked):
        assert refusal(tmp_path, text % wrong).startswith("etcd_cert, etcd_key: ")


def test_sockets_of_haproxy() -> None:
    environment = {
        "HA_SIDECAR_SCOPE": "demo",
        "HA_SIDECAR_ETCD_ENDPOINTS": "http://10.0.0.1:2379",
        "HA_SIDECAR_HAPROXY_SOCKETS": "/run/haproxy/admin.sock, tcp:10.0.0.9:9999, tcp:[::1]:9999",
    }
    assert load(None, environment, {}).haproxy_sockets == (
        "/run/haproxy/admin.sock",
        ("10.0.0.9", 9999),
        ("::1", 9999),
    )


@pytest.mark.parametrize("name", ["etcd_endpoints", "patroni_urls"])
def test_a_password_in_an_url_is_refused_and_not_repeated(tmp_path: Path, name: str) -> None:
    said = refusal(tmp_path, f'scope = "demo"\n{name} = ["http://me:hunter2@10.0.0.1:2379"]\n')
    assert name in said
    assert "hunter2" not in said


def test_command_refuses_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sidecar.toml"
    file.write_text('scope = "demo"\n')
    assert main(["--config", str(file)]) == EX_CONFIG
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ha-sidecar: etcd_endpoints is missing")


def test_command_refuses_places_it_cannot_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sidecar.toml"
    file.write_text(GOOD)
    nowhere = str(tmp_path / "nowhere" / "topology.json")
    assert main(["--config", str(file), "--topology-path", nowhere]) == EX_CONFIG
    assert "topology_path: " in capsys.readouterr().err
    (tmp_path / "taken").write_text("")
    here = str(tmp_path / "topology.json")
    state = str(tmp_path / "taken" / "state")
    assert main(["--config", str(file), "--topology-path", here, "--state-dir", state]) == 1
    assert "state_dir: " in capsys.readouterr().err
