"""A certificate authority that only our clients know, and what it vouches for."""

import datetime
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the tests")])
        made = self._build(self.name, self.key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.file = folder / "authority.pem"
        self.file.write_bytes(made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(self, certificate, key):
        """Writes a new certificate for localhost and its key, the key first; answers the serial number."""
        own = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        made = self._build(subject, own).add_extension(names, critical=False).sign(self.key, hashes.SHA256())
        private = serialization.PrivateFormat.PKCS8
        key.touch(0o600)
        key.write_bytes(own.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption()))
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        return made.serial_number

    def _build(self, subject, key):
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
        return builder.not_valid_after(now + datetime.timedelta(days=1))
