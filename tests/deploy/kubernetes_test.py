"""The Kubernetes manifests: the proxy accepts their configurations; probes, times, memory and labels fit one another.

kubernetes_test.py REPOSITORY PROXY
"""

import os
import subprocess
import sys
import unittest

import yaml

REPOSITORY, PROXY = sys.argv[1:3]
FOLDER = os.path.join(REPOSITORY, 'deploy/kubernetes')
NAME = 'app.kubernetes.io/name'


def documents(path):
    with open(os.path.join(FOLDER, path), encoding='utf-8') as file:
        return list(yaml.safe_load_all(file))


def kustomization(folder):
    (found,) = documents(f'{folder}/kustomization.yaml')
    return found


def resources(folder):
    """{'Deployment': {…}, …}: what a kustomization names."""
    return {d['kind']: d for path in kustomization(folder)['resources'] for d in documents(f'{folder}/{path}')}


def options(folder):
    (found,) = documents(f'{folder}/proxy.yaml')
    return found


def seconds(duration):
    assert duration.endswith('s'), duration
    return int(duration[:-1])


def mebibytes(size):
    for unit, factor in (('Mi', 1), ('Gi', 1024)):
        if size.endswith(unit):
            return int(size[:-2]) * factor
    raise AssertionError(size)


class Manifests(unittest.TestCase):
    """Of both, the sidecar and the proxy on its own."""

    def each(self):
        for folder, containers in (('sidecar', 'initContainers'), ('standalone', 'containers')):
            pod = resources(folder)['Deployment']['spec']['template']['spec']
            (container,) = [c for c in pod[containers] if 'singleflight' in c['image']]
            with self.subTest(folder):
                yield folder, pod, container, options(folder)

    def test_the_proxy_accepts_their_configuration(self):
        for folder, *_ in self.each():
            check = subprocess.run([PROXY, '--check', '--config', os.path.join(FOLDER, folder, 'proxy.yaml')],
                                   capture_output=True, text=True, check=False)
            self.assertEqual(check.returncode, 0, check.stdout + check.stderr)

    def test_bounds_fit_the_memory(self):
        for _, _, container, wanted in self.each():
            limit = mebibytes(container['resources']['limits']['memory'])
            self.assertNotIn('max_buffered_bytes', wanted['limits'])  # follows the limit, as the cache does
            left = limit - 16  # MiB; docs/limits.md, "Memory"
            buffered, cache = left * 3 // 8, left // 8
            connections = wanted['limits']['max_connections'] * 17 / 1024
            self.assertLessEqual(16 + 1.25 * buffered + cache + connections, limit)

    def test_threads_fit_the_cpus(self):
        for _, _, container, wanted in self.each():
            self.assertGreaterEqual(wanted['threads'], 1)
            cpus = container['resources']['limits'].get('cpu')
            self.assertIn(cpus, (None, str(wanted['threads'])))

    def test_the_drain_ends_before_the_pod_is_killed(self):
        for _, pod, container, wanted in self.each():
            used = container['lifecycle']['preStop']['sleep']['seconds'] + seconds(wanted['drain_timeout'])
            self.assertGreaterEqual(pod['terminationGracePeriodSeconds'], used + 5)

    def test_probes_go_where_health_is_served(self):
        for _, _, container, wanted in self.each():
            host, _, port = wanted['health']['address'].rpartition(':')
            self.assertEqual(host, '0.0.0.0')
            ports = {entry['name']: entry['containerPort'] for entry in container['ports']}
            for name in ('startupProbe', 'readinessProbe', 'livenessProbe'):
                get = container[name]['httpGet']
                self.assertEqual(ports[get['port']], int(port), name)
                self.assertEqual(get['path'], '/livez' if name == 'livenessProbe' else '/readyz')

    def test_the_configuration_is_where_the_image_looks(self):
        with open(os.path.join(REPOSITORY, 'Dockerfile'), encoding='utf-8') as file:
            dockerfile = file.read()
        for folder, pod, container, _ in self.each():
            (mount,) = container['volumeMounts']
            self.assertIn(f'"{mount["mountPath"]}/proxy.yaml"', dockerfile)
            (volume,) = [v for v in pod['volumes'] if v['name'] == mount['name']]
            (generated,) = kustomization(folder)['configMapGenerator']
            self.assertEqual((volume['configMap']['name'], generated['files']), (generated['name'], ['proxy.yaml']))

    def test_nothing_runs_as_root_or_writes(self):
        for _, _, container, _ in self.each():
            context = container['securityContext']
            self.assertTrue(context['runAsNonRoot'] and context['readOnlyRootFilesystem'])
            self.assertEqual(context['capabilities'], {'drop': ['ALL']})

    def test_selectors_find_the_pods(self):
        for folder, *_ in self.each():
            deployment = resources(folder)['Deployment']['spec']
            self.assertEqual(deployment['selector']['matchLabels'], deployment['template']['metadata']['labels'])


class Sidecar(unittest.TestCase):
    def test_the_application_dials_the_listener(self):
        (app,) = resources('sidecar')['Deployment']['spec']['template']['spec']['containers']
        env = {entry['name']: entry['value'] for entry in app['env']}
        self.assertIn(env['CATALOG_ADDRESS'], [listener['address'] for listener in options('sidecar')['listeners']])


class Standalone(unittest.TestCase):
    def setUp(self):
        self.all = resources('standalone')
        template = self.all['Deployment']['spec']['template']
        self.labels = template['metadata']['labels']
        (container,) = template['spec']['containers']
        self.ports = {entry['name']: entry['containerPort'] for entry in container['ports']}

    def test_the_service_goes_to_the_listener(self):
        service = self.all['Service']['spec']
        self.assertEqual(service['selector'], self.labels)
        (port,) = service['ports']
        listeners = [listener['address'] for listener in options('standalone')['listeners']]
        self.assertIn(f'0.0.0.0:{self.ports[port["targetPort"]]}', listeners)

    def test_the_policies_are_about_these_pods(self):
        self.assertEqual(self.all['PodDisruptionBudget']['spec']['selector']['matchLabels'], self.labels)
        policy = self.all['NetworkPolicy']['spec']
        self.assertEqual(policy['podSelector']['matchLabels'], self.labels)
        self.assertEqual({rule['ports'][0]['port'] for rule in policy['ingress']}, self.ports.keys())

    def test_calls_may_leave_for_the_upstreams(self):
        egress = [entry['port'] for rule in self.all['NetworkPolicy']['spec']['egress'] for entry in rule['ports']]
        for upstream in options('standalone')['upstreams']:
            self.assertIn(int(upstream['target'].rpartition(':')[2]), egress)

    def test_components_fit(self):
        (monitor,) = resources('monitoring').values()
        self.assertEqual(monitor['spec']['selector']['matchLabels'], self.labels)
        (endpoint,) = monitor['spec']['podMetricsEndpoints']
        self.assertIn(endpoint['port'], self.ports)
        (route,) = resources('gateway').values()
        (backend,) = route['spec']['rules'][0]['backendRefs']
        self.assertEqual(backend['name'], self.all['Service']['metadata']['name'])
        self.assertEqual(backend['port'], self.all['Service']['spec']['ports'][0]['port'])

    def test_every_file_is_named(self):
        for folder in os.listdir(FOLDER):
            files = set(os.listdir(os.path.join(FOLDER, folder))) - {'kustomization.yaml', 'proxy.yaml'}
            self.assertEqual(files, set(kustomization(folder)['resources']), folder)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
