"""logrotate_test.py REPOSITORY PROXY: logrotate rotates the access log by the file that is shipped, and the proxy follows."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

REPOSITORY, os.environ['SINGLEFLIGHT_BUILT_PROXY'] = sys.argv[1:3]
SHIPPED = os.path.join(REPOSITORY, 'deploy/logrotate/singleflight')
SIGNALS = r'systemctl kill --signal=SIGUSR1 --kill-whom=main singleflight-proxy.service'

sys.path.insert(0, os.path.join(REPOSITORY, 'tests/interop'))
from proxy import Proxy, config, wait_until  # pylint: disable=wrong-import-position


def inode(path):
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return None


def rotation(folder, pid):
    """The shipped file for this folder and this process."""
    with open(SHIPPED, encoding='utf-8') as file:
        text = file.read()
    for pattern, instead in ((r'^/var/log/singleflight/', f'{folder}/'), (re.escape(SIGNALS), f'kill -USR1 {pid}')):
        text, found = re.subn(pattern, instead, text, flags=re.M)
        assert found == 1, f'{SHIPPED} has no {pattern}'
    path = os.path.join(folder, 'rotation')
    with open(path, 'w', encoding='utf-8') as out:
        out.write(text)
    os.chmod(path, 0o644)
    return path


def main():
    logrotate = shutil.which('logrotate') or shutil.which('logrotate', path='/usr/sbin')
    if logrotate is None:
        print('no logrotate here')
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, 'access.log')
        with Proxy(config('localhost:1') + f'access_log: {{to: {log}}}\n') as proxy:
            wait_until(lambda: inode(log), 'the log')
            with open(log, 'a', encoding='utf-8') as file:
                file.write('a call\n')  # an empty one is left alone
            old = inode(log)
            subprocess.run([logrotate, '--force', '--state', os.path.join(folder, 'state'), rotation(folder, proxy.pid)],
                           check=True)
            wait_until(lambda: inode(log) not in (None, old), 'the new log')
            with open(f'{log}.1', encoding='utf-8') as file:
                assert file.read() == 'a call\n'


main()
