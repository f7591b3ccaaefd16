"""An authority of the soak's own, and certificates for 127.0.0.1 that it signs again and again."""

import os
import subprocess

_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc']


def _openssl(*arguments):
    subprocess.run(['openssl', *arguments], check=True, capture_output=True)


class Authority:
    def __init__(self, folder):
        self._folder = folder
        self.file = self._path('ca.pem')
        _openssl('req', '-x509', *_KEY, '-days', '2', '-subj', '/CN=soak CA', '-keyout', self._path('ca.key'),
                 '-out', self.file)

    def _path(self, name):
        return os.path.join(self._folder, name)

    def sign(self, name):
        """Files of a new key and its certificate; those that were there before by that name are exchanged."""
        files = self._path(f'{name}.pem'), self._path(f'{name}.key')
        fresh = [f'{file}.new' for file in files]
        _openssl('req', '-x509', '-CA', self.file, '-CAkey', self._path('ca.key'), *_KEY, '-days', '2',
                 '-subj', f'/CN={name}', '-addext', 'subjectAltName=IP:127.0.0.1',
                 '-addext', 'basicConstraints=critical,CA:FALSE', '-keyout', fresh[1], '-out', fresh[0])
        for new, file in zip(fresh, files):
            os.rename(new, file)
        return files
