"""What Prometheus and Grafana make of the proxy: a real Prometheus scrapes a real proxy under load, the alerts load and pass
their own tests, and every query of theirs and of the dashboard is answered with series.

prometheus_test.py REPOSITORY PROXY BACKEND HERD
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

import yaml

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../testing'))

import ready_line  # noqa: E402

REPOSITORY, PROXY, BACKEND, HERD = sys.argv[1:5]
RULES = os.path.join(REPOSITORY, 'deploy/prometheus/singleflight.rules.yaml')
DASHBOARD = os.path.join(REPOSITORY, 'deploy/grafana/singleflight.json')
RUNBOOK = os.path.join(REPOSITORY, 'docs/runbook.md')
PATIENCE = 60  # seconds, for any wait

def alerts():
    with open(RULES, encoding='utf-8') as file:
        return [rule for group in yaml.safe_load(file)['groups'] for rule in group['rules']]


def dashboard():
    with open(DASHBOARD, encoding='utf-8') as file:
        return json.load(file)


def dashboard_queries():
    """(panel, query), with Grafana's variables replaced."""
    for panel in dashboard()['panels']:
        for target in panel.get('targets', ()):
            query = target['expr'].replace('$job', 'singleflight').replace('$instance', '.*')
            yield panel['title'], query.replace('$__rate_interval', '10s')


def without_comparisons(query):
    """What an alert looks at, whether or not it is a reason to alert."""
    bare = re.sub(r'(==|!=|[<>]=?)\s+(?:bool\s+)?[\d.]+(?:\s*\*\s*\d+)?(?=\s|$)', '', query)
    return [part.strip() for part in re.split(r'\band\b|\s>\s+[\d.]+\s*\*', bare)]


class Program:
    """A child process whose output says where it listens."""

    def __init__(self, folder, name, *command, env=None):
        self.log = os.path.join(folder, name + '.log')
        with open(self.log, 'w', encoding='utf-8') as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=env)

    def text(self):
        with open(self.log, encoding='utf-8') as log:
            return log.read()

    def await_text(self, pattern):
        deadline = time.monotonic() + PATIENCE
        while True:
            found = re.search(pattern, self.text())
            if found:
                return found
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f'{self.log}: no {pattern}\n{self.text()}')
            Program.pause()

    @staticmethod
    def pause():
        signal.sigtimedwait([], 0.05)  # between two looks at a state

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


class Prometheus(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.programs = []
        backend = cls.start('backend', BACKEND, '--listen=127.0.0.1:0')
        cls.backend_at = backend.await_text(r'listening on (\S+)')[1].rstrip(';')
        cls.make_certificate()
        config = os.path.join(cls.folder.name, 'proxy.yaml')
        with open(config, 'w', encoding='utf-8') as file:
            file.write(f'''
listeners:
  - address: 127.0.0.1:0
  - {{address: 127.0.0.1:0, tls: {{certificate: server.pem, private_key: server.key}}}}
upstreams: [{{name: demo, target: {cls.backend_at}, schema: {{reflection: true}}}}]
routes:
  - {{match: {{method: /demo.v1.Catalog/Get*}}, upstream: demo, collapse: true}}
  - {{match: {{method: /demo.v1.Catalog/Verified}}, upstream: demo, collapse: true, verify: 1%,
     key: {{message: {{ignore: [request_id]}}}}}}
  - {{upstream: demo}}
health: {{address: 127.0.0.1:0}}
''')
        proxy = cls.start('proxy', PROXY, '--config', config)
        proxy.await_text(r' ready: .*\n')
        ready = ready_line.parse(proxy.text())
        cls.proxy_at, cls.health_at = ready.listeners[0], ready.health
        cls.prometheus_at = cls.start_prometheus()

    @classmethod
    def make_certificate(cls):
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                        '-subj', '/CN=localhost', '-days', '365', '-keyout', 'server.key', '-out', 'server.pem'],
                       cwd=cls.folder.name, check=True, capture_output=True)

    @classmethod
    def start(cls, name, *command, env=None):
        program = Program(cls.folder.name, name, *command, env=env)
        cls.programs.append(program)
        return program

    @classmethod
    def start_prometheus(cls):
        """The shipped configuration, but for where the proxy is and for how long it takes."""
        folder = os.path.join(cls.folder.name, 'prometheus')
        shutil.copytree(os.path.dirname(RULES), folder)
        with open(os.path.join(folder, 'prometheus.yaml'), encoding='utf-8') as file:
            text = file.read().replace('127.0.0.1:9900', cls.health_at).replace('15s', '1s')
        with open(os.path.join(folder, 'prometheus.yaml'), 'w', encoding='utf-8') as file:
            file.write(text)
        program = cls.start('prometheus', shutil.which('prometheus'), f'--config.file={folder}/prometheus.yaml',
                            f'--storage.tsdb.path={folder}/data', '--web.listen-address=127.0.0.1:0')
        address = program.await_text(r'[Ll]istening on"? (?:address=)?(127\.0\.0\.1:\d+)')[1]
        program.await_text('Server is ready to receive web requests')  # 503 before
        return address

    @classmethod
    def tearDownClass(cls):
        for program in reversed(cls.programs):
            program.stop()
        cls.folder.cleanup()

    def ask(self, query):
        """The series that answer it."""
        address = f'http://{self.prometheus_at}/api/v1/query?' + urllib.parse.urlencode({'query': query})
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            return json.load(answer)['data']['result']

    def load(self):
        # What it finds is its own test's business: the first may come before the proxy is connected.
        subprocess.run([HERD, f'--backend={self.backend_at}', f'--proxy={self.proxy_at}', '--calls=200'],
                       capture_output=True, check=False, timeout=PATIENCE)

    def await_series(self, query):
        deadline = time.monotonic() + PATIENCE
        while not self.ask(query):
            self.assertLess(time.monotonic(), deadline, f'no series answers {query}')
            self.load()

    def test_every_query_of_the_dashboard_is_answered(self):
        for panel, query in dashboard_queries():
            with self.subTest(panel, query=query):
                self.await_series(query)

    def test_every_alert_looks_at_series_that_are_there(self):
        for alert in alerts():
            for query in without_comparisons(alert['expr']):
                with self.subTest(alert['alert'], query=query):
                    self.await_series(query)

    def test_no_alert_fires_for_a_healthy_proxy(self):
        self.await_series('up{job="singleflight"} == 1')
        self.assertEqual(self.ask('ALERTS{alertstate="firing"}'), [])


class Files(unittest.TestCase):
    def promtool(self, *arguments):
        told = subprocess.run(['promtool', *arguments], capture_output=True, text=True, check=False)
        self.assertEqual(told.returncode, 0, told.stdout + told.stderr)

    def test_the_configuration_and_the_rules_are_sound(self):
        self.promtool('check', 'config', '--syntax-only', os.path.join(os.path.dirname(RULES), 'prometheus.yaml'))
        self.promtool('check', 'rules', '--lint-fatal', RULES)

    def test_the_rules_pass_their_tests(self):
        self.promtool('test', 'rules', RULES.replace('.rules.yaml', '.rules.test.yaml'))

    def test_each_alert_is_tested_and_has_a_section_in_the_runbook(self):
        with open(RULES.replace('.rules.yaml', '.rules.test.yaml'), encoding='utf-8') as file:
            tested = {case['alertname'] for test in yaml.safe_load(file)['tests'] for case in test['alert_rule_test']
                      if case.get('exp_alerts')}
        with open(RUNBOOK, encoding='utf-8') as file:
            sections = re.findall(r'^## (\w+)$', file.read(), re.MULTILINE)
        names = [alert['alert'] for alert in alerts()]
        self.assertEqual(sorted(tested), sorted(names))
        self.assertEqual(sections, names)
        for alert in alerts():
            self.assertEqual(alert['annotations']['runbook'], f'docs/runbook.md#{alert["alert"].lower()}')


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
