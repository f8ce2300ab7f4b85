"""How a host becomes a node: the join token, the fleet's authority, a key that stays here, and its certificate.

Keys and requests are made by openssl's command line. Everything lies in one folder, readable for its owner alone; node.json
comes last, so that it exists only when all others do.
"""

import hashlib
import json
import os
import re
import ssl
import subprocess
import time

import grpc
from lormas.agent.v1 import agent_pb2 as messages
from lormas.agent.v1 import agent_pb2_grpc as services

from journal import write_durably

VERSION = "python-example"
SERVER_NAME = "lormas-coordinator"
"""The name in the coordinator's certificate, whatever address is dialled."""
CALL_SECONDS = 10
MESSAGE_BYTES_MAX = 4 << 20
FINAL = {
    grpc.StatusCode.UNAUTHENTICATED: "make a new join token",
    grpc.StatusCode.ALREADY_EXISTS: "choose another name, or remove the old node from the fleet",
    grpc.StatusCode.INVALID_ARGUMENT: "check the node's name and the agent's version",
    grpc.StatusCode.PERMISSION_DENIED: "make a new join token",
}


class Refused(Exception):
    """The coordinator refused for good; asking again is of no use."""


class Stranger(Exception):
    """Whoever answered is not of the fleet that the token names."""


class Identity:
    """Who this node is, and how it proves it."""

    def __init__(self, folder):
        self._folder = folder
        self.node_id = self.node_name = ""
        self._key = self._certificate = self._authority = b""

    def load(self):
        """True when this node was enrolled before."""
        try:
            with open(self._path("node.json"), encoding="utf-8") as file:
                node = json.load(file)
        except FileNotFoundError:
            return False
        self.node_id, self.node_name = node["node_id"], node["node_name"]
        self._key, self._certificate, self._authority = (
            self._read(name) for name in ("key.pem", "certificate.pem", "authority.pem")
        )
        return True

    def enrol(self, coordinator, token, node_name):
        """Exchanges a token for a certificate. Raises Refused, Stranger, grpc.RpcError or OSError."""
        match = re.fullmatch(r"lormas1\.([A-Za-z0-9_-]{16,256})\.([0-9a-f]{64})", token.strip())
        if match is None:
            raise Refused("the join token is not one of Lormas (lormas1.<secret>.<digest>): copy it whole")
        secret, digest = match.groups()
        # The token says which authority to trust: nothing is sent to who does not show it.
        authority = find_authority(coordinator, digest)
        self._make_key()
        request = messages.EnrolRequest(
            token=secret, node_name=node_name, csr=self._request(node_name), agent_version=VERSION
        )
        with dial(coordinator, authority.encode()) as channel:
            try:
                answer = services.EnrolmentServiceStub(channel).Enrol(request, timeout=CALL_SECONDS)
            except grpc.RpcError as error:
                if error.code() in FINAL:
                    raise Refused(f"{error.details()}; {FINAL[error.code()]}") from error
                raise
        write_durably(self._path("authority.pem"), authority.encode())
        self._take(answer.certificate)
        node = {"node_id": answer.node_id, "node_name": node_name}
        write_durably(self._path("node.json"), json.dumps(node).encode())
        self.load()

    def connect(self, coordinator):
        """A connection that trusts the fleet's authority alone and shows this node's certificate."""
        return dial(coordinator, self._authority, self._key, self._certificate)

    def renew(self, channel):
        """Exchanges the certificate for a fresh one. Raises grpc.RpcError or Stranger."""
        request = messages.RenewCertificateRequest(csr=self._request(self.node_name))
        answer = services.AgentServiceStub(channel).RenewCertificate(request, timeout=CALL_SECONDS)
        self._take(answer.certificate)
        self.load()

    def seconds_to_renewal(self):
        """Until two thirds of the certificate's life are over."""
        said = openssl("x509", "-in", self._path("certificate.pem"), "-noout", "-startdate", "-enddate").decode()
        begin, end = (ssl.cert_time_to_seconds(line.split("=", 1)[1]) for line in said.strip().splitlines())
        return begin + (end - begin) * 2 / 3 - time.time()

    def _take(self, certificate):
        """Keeps a certificate that the fleet's authority has signed, and no other."""
        fresh = self._path("certificate.new")
        write_durably(fresh, certificate.encode())
        if not signed_by(fresh, self._path("authority.pem")):
            raise Stranger("the certificate that came back was not signed by the fleet's authority")
        os.replace(fresh, self._path("certificate.pem"))

    def _make_key(self):
        """The key that is kept, else a new one: a claim whose answer was lost is made again with the same key."""
        if os.path.exists(self._path("key.pem")):
            return
        key = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        write_durably(self._path("key.pem"), key)

    def _request(self, node_name):
        return openssl("req", "-new", "-key", self._path("key.pem"), "-subj", f"/CN={node_name}", "-outform", "DER")

    def _path(self, name):
        return os.path.join(self._folder, name)

    def _read(self, name):
        with open(self._path(name), "rb") as file:
            return file.read()


def find_authority(coordinator, digest):
    """The certificate of that digest (SHA-256, hex) among those that the coordinator shows, as PEM. Raises Stranger."""
    shown = openssl(
        *("s_client", "-connect", coordinator, "-servername", SERVER_NAME, "-alpn", "h2", "-showcerts"), may_fail=True
    )
    for pem in re.findall(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n", shown.decode("latin-1"), re.S):
        if hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest() == digest:
            return pem
    raise Stranger(f"{coordinator} does not show the authority that the join token names")


def signed_by(certificate_path, authority_path):
    verify = ["openssl", "verify", "-CAfile", authority_path, certificate_path]
    return subprocess.run(verify, capture_output=True, check=False, timeout=CALL_SECONDS).returncode == 0


def openssl(*arguments, may_fail=False):
    run = subprocess.run(
        ["openssl", *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=CALL_SECONDS
    )
    if run.returncode != 0 and not may_fail:
        raise OSError(f"openssl {arguments[0]} failed: {run.stderr.decode('utf-8', 'replace').strip()}")
    return run.stdout


def dial(coordinator, authority, key=None, certificate=None):
    return grpc.secure_channel(
        coordinator,
        grpc.ssl_channel_credentials(authority, key, certificate),
        (
            ("grpc.ssl_target_name_override", SERVER_NAME),
            ("grpc.default_authority", SERVER_NAME),
            ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.enable_retries", 0),
            ("grpc.keepalive_time_ms", 10_000),
            ("grpc.keepalive_timeout_ms", 5_000),
        ),
    )
