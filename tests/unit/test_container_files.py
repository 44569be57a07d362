"""Dockerfile, compose file, Kubernetes manifests: their own checkers, and our paths and ports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from exchange.core.region import RingCapacities, core_sections
from exchange.settings import load

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "config"
DOCKERFILE = ROOT / "Dockerfile"
MANIFESTS = CONFIG / "kubernetes" / "exchange.yaml"
GIBIBYTE = 1 << 30


def manifests() -> dict[str, dict[str, Any]]:
    """Kind -> manifest."""
    return {each["kind"]: each for each in yaml.safe_load_all(MANIFESTS.read_text())}


def pod() -> dict[str, Any]:
    return dict(manifests()["StatefulSet"]["spec"]["template"]["spec"])


def container() -> dict[str, Any]:
    (only,) = pod()["containers"]
    return dict(only)


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((CONFIG / "compose.yaml").read_text()))


def run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    path = Path(sys.executable).parent / program
    return subprocess.run([path, *words], capture_output=True, text=True)


def test_hadolint_has_nothing_to_say() -> None:
    done = run("hadolint", str(DOCKERFILE))
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("version", ["1.30", "1.34", "1.37"])
def test_kubernetes_knows_every_field(version: str) -> None:
    done = run("kubernetes-validate", "--strict", "-k", version, str(MANIFESTS))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_field_that_kubernetes_does_not_know_is_found(tmp_path: Path) -> None:
    text = MANIFESTS.read_text()
    assert "replicas: 1" in text
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text.replace("replicas: 1", "replica: 1"))
    assert run("kubernetes-validate", "--strict", "-k", "1.34", str(wrong)).returncode != 0


def test_there_is_one_exchange_with_processors_of_its_own() -> None:
    stateful = manifests()["StatefulSet"]["spec"]
    assert stateful["replicas"] == 1
    (volume,) = stateful["volumeClaimTemplates"]
    assert volume["spec"]["accessModes"] == ["ReadWriteOncePod"]
    resources = container()["resources"]
    assert resources["requests"] == resources["limits"], "guaranteed, or the CPUs are shared"
    assert str(resources["limits"]["cpu"]).isdigit(), "whole processors, or they are shared"


def test_nothing_in_the_pod_may_be_more_than_it_needs() -> None:
    security = container()["securityContext"]
    assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert pod()["securityContext"]["runAsNonRoot"] and not pod()["automountServiceAccountToken"]
    user = f"--uid {pod()['securityContext']['runAsUser']} "
    assert user in DOCKERFILE.read_text(), "the user of the image"


def test_what_is_mounted_is_what_the_program_writes() -> None:
    mounts = {each["mountPath"]: each["name"] for each in container()["volumeMounts"]}
    volumes = {each["name"]: each for each in pod()["volumes"]}
    # the root is read-only: data, cache, rings and temporary files are all that is written
    assert {"/var/lib/exchange", "/dev/shm", "/tmp"} <= set(mounts)
    (claim,) = manifests()["StatefulSet"]["spec"]["volumeClaimTemplates"]
    assert set(mounts.values()) == set(volumes) | {claim["metadata"]["name"]}
    rings = volumes[mounts["/dev/shm"]]["emptyDir"]
    assert rings["medium"] == "Memory"
    assert region() <= size(rings["sizeLimit"])
    assert size(rings["sizeLimit"]) < size(container()["resources"]["limits"]["memory"])
    assert volumes[mounts["/etc/exchange-secrets"]]["secret"]["defaultMode"] == 0o400


def region() -> int:
    """Bytes of shared memory with the default rings, but for its header."""
    rings = RingCapacities(**msgspec.structs.asdict(load(None).settings.rings))
    return sum(section.size_bytes for section in core_sections(rings))


def size(text: str) -> int:
    """Bytes of a quantity in gibibytes."""
    assert text.lower().rstrip("i").endswith("g")
    return int(text.lower().rstrip("gi")) * GIBIBYTE


@pytest.mark.parametrize("probe", ["startupProbe", "livenessProbe", "readinessProbe"])
def test_probes_ask_the_port_of_health(probe: str) -> None:
    ports = {each["name"]: each["containerPort"] for each in container()["ports"]}
    settings = load(None).settings
    assert ports["health"] == settings.health.port
    assert ports["api"] == settings.api.port
    assert ports["order-entry"] == settings.order_entry.port
    assert container()[probe]["httpGet"] == {"path": "/health", "port": "health"}


def test_a_stop_has_the_time_that_the_daemon_allows_itself() -> None:
    needed_s = load(None).settings.supervision.stop_timeout_ms / 1000
    assert pod()["terminationGracePeriodSeconds"] >= needed_s + 30
    assert int(compose()["services"]["exchange"]["stop_grace_period"].rstrip("s")) >= needed_s + 30


def test_the_service_and_the_policy_know_the_same_ports() -> None:
    named = {each["containerPort"] for each in container()["ports"]}
    assert {each["port"] for each in manifests()["Service"]["spec"]["ports"]} == named
    allowed = {
        port["port"]
        for rule in manifests()["NetworkPolicy"]["spec"]["ingress"]
        for port in rule["ports"]
    }
    # probes come from the node, which a policy does not bind
    assert allowed == named - {load(None).settings.health.port}
    selector = manifests()["StatefulSet"]["spec"]["selector"]["matchLabels"]
    assert manifests()["Service"]["spec"]["selector"] == selector
    assert manifests()["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == selector


def test_compose_mounts_what_there_is() -> None:
    services = compose()["services"]
    assert set(services) == {"exchange", "postgres", "prometheus", "nginx"}
    made_by_the_operator = {"venue", "tls"}
    for service in services.values():
        for mount in service.get("volumes", []):
            source = mount.partition(":")[0]
            if not source.startswith("./"):
                assert source in compose()["volumes"], mount
            elif Path(source).parts[0] not in made_by_the_operator:
                assert (CONFIG / source).exists(), mount
    exchange = services["exchange"]
    assert exchange["read_only"] and exchange["init"] and "/tmp" in exchange["tmpfs"]
    assert region() <= size(exchange["shm_size"])


def test_the_image_is_asked_for_its_health_without_curl() -> None:
    (line,) = (each for each in DOCKERFILE.read_text().splitlines() if "HEALTHCHECK" in each)
    assert f":{load(None).settings.health.port}/health" in line and "curl" not in line
    assert "USER 10001" in DOCKERFILE.read_text()
