"""Sites on loopback, and a certificate authority that signs for them."""

import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.intake.site import LoopbackSite

_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class CertificateAuthority:
    """An authority that signs certificates for the tests' sites."""

    folder: Path

    @classmethod
    def create_in(cls, folder: Path) -> "CertificateAuthority":
        folder.mkdir()
        _run_openssl(
            folder, "req", "-x509", *_CURVE, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=Tests", "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign",
        )  # fmt: skip
        return cls(folder)

    def create_server_context(self, name: str, *more: str) -> ssl.SSLContext:
        """Return the TLS context of a site for `name`; `more` are arguments to the signing."""
        stem = name.replace(":", "_")
        (self.folder / "names").write_text(f"subjectAltName={name}\n")
        _run_openssl(
            self.folder, "req", *_CURVE, "-keyout", f"{stem}.key", "-out", f"{stem}.csr",
            "-subj", "/CN=site",
        )  # fmt: skip
        _run_openssl(
            self.folder, "x509", "-req", "-in", f"{stem}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-out", f"{stem}.pem", "-extfile", "names",
            *(more or ("-days", "2")),
        )  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{stem}.pem", self.folder / f"{stem}.key")
        return context

    def create_client_context(self) -> ssl.SSLContext:
        """Return a TLS context that trusts only this authority."""
        return ssl.create_default_context(cafile=self.folder / "ca.pem")


def _run_openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority.create_in(tmp_path_factory.mktemp("tls") / "authority")


@pytest.fixture
def site() -> Iterator[LoopbackSite]:
    with LoopbackSite() as running:
        yield running
