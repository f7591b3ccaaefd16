"""What all TLS of the bench has in common: the certificate, made at run time, and what clients have to agree on."""

import os
from typing import NamedTuple

PROTOCOL, CIPHER, GROUP, ALPN = 'TLSv1.3', 'TLS_AES_128_GCM_SHA256', 'X25519', 'h2'
HOST = '127.0.0.1'

# Clients that have no options for it offer nothing else by this (OPENSSL_CONF).
CLIENT_CONFIGURATION = f'''
openssl_conf = start
[start]
ssl_conf = ssl
[ssl]
system_default = clients
[clients]
MinProtocol = {PROTOCOL}
Ciphersuites = {CIPHER}
Groups = {GROUP}
'''


class Files(NamedTuple):
    certificate: str
    private_key: str
    both: str  # in one file, as HAProxy wants them
    client_configuration: str


def make(session):
    """A certificate of its own CA for P-256 and HOST, as PEM files."""
    folder = session.folder_of_its_own('tls')
    certificate, key, both = (os.path.join(folder, name) for name in ('certificate.pem', 'key.pem', 'both.pem'))
    session.run('openssl', ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc',
                            '-days', '2', '-subj', f'/CN={HOST}', '-addext', f'subjectAltName=IP:{HOST}',
                            '-keyout', key, '-out', certificate])
    with open(both, 'w', encoding='ascii') as out:
        for part in (certificate, key):
            with open(part, encoding='ascii') as file:
                out.write(file.read())
    return Files(certificate, key, both, session.file('openssl.cnf', CLIENT_CONFIGURATION))
