"""What `./dev run` shows: a herd of 1,000 behind the proxy is one upstream call, and everything ends well.

demo_test.py REPOSITORY BUILD
"""

import contextlib
import os
import re
import subprocess
import sys
import unittest

REPOSITORY, BUILD = sys.argv[1:3]
BACKEND = os.path.join(BUILD, 'demo/demo-backend')
HERD = os.path.join(BUILD, 'demo/demo-herd')
PROXY = os.environ.get('SINGLEFLIGHT_PROXY', os.path.join(BUILD, 'server/singleflight-proxy'))

# Ten times the demo's: sanitizers take long to read a thousand calls.
DELAY = '--delay=500ms'


@contextlib.contextmanager
def running(*command, **environment):
    """The address in the program's ready line. At the end SIGTERM stops it, with exit status 0."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}) as process:
        try:
            said = process.stdout.readline()
            yield re.search(r'listening on ([^ ;\n]+)', said)[1]
        finally:
            process.terminate()
            status = process.wait()
    assert status == 0, f'{command[0]} ended with {status}'


def herd(*arguments):
    return subprocess.run([HERD, *arguments], capture_output=True, text=True, check=False)


class Demo(unittest.TestCase):
    def test_a_herd_through_the_proxy_is_one_upstream_call(self):
        quickstart = os.path.join(REPOSITORY, 'config/quickstart.yaml')
        with running(BACKEND, '--listen=127.0.0.1:0', DELAY) as backend, \
                running(PROXY, '--config', quickstart, DEMO_BACKEND=backend, LISTEN='127.0.0.1:0',
                        HEALTH='127.0.0.1:0', ADMIN='127.0.0.1:0') as proxy:
            result = herd(f'--backend={backend}', f'--proxy={proxy}')
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertRegex(result.stdout, r'(?m)^straight to the backend +1,000 +0 +1,000 ')
        self.assertRegex(result.stdout, r'(?m)^through singleflight +1,000 +0 +1 ')
        with open(os.path.join(REPOSITORY, 'README.md'), encoding='utf-8') as readme:
            self.assertIn(result.stdout.splitlines()[0], readme.read())

    def test_a_herd_that_is_not_collapsed_fails(self):
        with running(BACKEND, '--listen=127.0.0.1:0', DELAY) as backend:
            result = herd(f'--backend={backend}', f'--proxy={backend}', '--calls=100')
        self.assertEqual(result.returncode, 1)
        self.assertIn('the herd took 100 upstream calls', result.stderr)

    def test_a_herd_without_a_backend_fails(self):
        self.assertEqual(herd('--backend=127.0.0.1:1', '--proxy=', '--calls=1').returncode, 1)

    def test_the_command_says_what_it_takes(self):
        told = subprocess.run([os.path.join(REPOSITORY, 'dev'), 'run', '--help'], capture_output=True, text=True,
                              check=True, timeout=10)
        self.assertIn('--once', told.stdout)
        self.assertNotIn('./dev test', told.stdout)

    def test_a_taken_port_is_an_error_and_not_shared(self):
        with running(BACKEND, '--listen=127.0.0.1:0') as backend:
            second = subprocess.run([BACKEND, f'--listen={backend}'], capture_output=True, text=True, check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn(f'cannot listen on {backend}', second.stderr)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
