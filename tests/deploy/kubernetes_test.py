"""The Kubernetes manifest: the proxy accepts its configuration, and its probes and times fit that configuration.

kubernetes_test.py REPOSITORY PROXY
"""

import os
import subprocess
import sys
import tempfile
import unittest

import yaml

REPOSITORY, PROXY = sys.argv[1:3]

with open(os.path.join(REPOSITORY, 'deploy/kubernetes/sidecar.yaml'), encoding='utf-8') as manifest:
    DOCUMENTS = {document['kind']: document for document in yaml.safe_load_all(manifest)}
CONFIGURATION = DOCUMENTS['ConfigMap']['data']['proxy.yaml']
OPTIONS = yaml.safe_load(CONFIGURATION)
POD = DOCUMENTS['Deployment']['spec']['template']['spec']
SIDECAR = next(c for c in POD['initContainers'] if c['name'] == 'singleflight-proxy')


def seconds(duration):
    assert duration.endswith('s'), duration
    return int(duration[:-1])


class Sidecar(unittest.TestCase):
    def test_the_proxy_accepts_its_configuration(self):
        with tempfile.NamedTemporaryFile('w', suffix='.yaml') as file:
            file.write(CONFIGURATION)
            file.flush()
            check = subprocess.run([PROXY, '--check', '--config', file.name], capture_output=True, text=True,
                                   check=False)
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)

    def test_its_bounds_fit_its_memory(self):
        limit = SIDECAR['resources']['limits']['memory']
        self.assertTrue(limit.endswith('Mi'), limit)
        self.assertGreaterEqual(OPTIONS['threads'], 1)
        self.assertNotIn('max_buffered_bytes', OPTIONS['limits'])  # follows the limit, as the cache does
        left = int(limit[:-2]) - 16  # MiB; docs/limits.md, "Memory"
        buffered, cache = left * 3 // 8, left // 8
        connections = OPTIONS['limits']['max_connections'] * 17 / 1024
        self.assertLessEqual(16 + 1.25 * buffered + cache + connections, int(limit[:-2]))

    def test_the_drain_ends_before_the_pod_is_killed(self):
        used = SIDECAR['lifecycle']['preStop']['sleep']['seconds'] + seconds(OPTIONS['drain_timeout'])
        self.assertGreaterEqual(POD['terminationGracePeriodSeconds'], used + 5)

    def test_probes_go_where_health_is_served(self):
        host, _, port = OPTIONS['health']['address'].rpartition(':')
        self.assertEqual(host, '0.0.0.0')
        ports = {entry['name']: entry['containerPort'] for entry in SIDECAR['ports']}
        probes = {name: SIDECAR[name]['httpGet'] for name in ('startupProbe', 'readinessProbe', 'livenessProbe')}
        for name, get in probes.items():
            with self.subTest(name):
                self.assertEqual(ports[get['port']], int(port))
                self.assertEqual(get['path'], '/livez' if name == 'livenessProbe' else '/readyz')

    def test_the_application_dials_the_listener(self):
        env = {entry['name']: entry['value'] for entry in POD['containers'][0]['env']}
        self.assertIn(env['CATALOG_ADDRESS'], [listener['address'] for listener in OPTIONS['listeners']])

    def test_the_configuration_is_where_the_image_looks(self):
        with open(os.path.join(REPOSITORY, 'Dockerfile'), encoding='utf-8') as dockerfile:
            self.assertIn(f'"{SIDECAR["volumeMounts"][0]["mountPath"]}/proxy.yaml"', dockerfile.read())


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
