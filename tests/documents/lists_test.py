"""What the documents list is what there is: metrics and their labels, reasons, options and their defaults."""

import os
import re
import subprocess
import sys
import unittest
import urllib.request

import yaml

from pages import INTERNAL, TOP, pages, quoted, read, rows

sys.path.insert(0, os.path.join(TOP, 'tests/interop'))
from proxy import Proxy  # pylint: disable=wrong-import-position

# A route, an upstream and a name to look up, so that every metric has a sample; the certificate's alone comes with TLS.
CONFIG = '''
listeners: [{address: 127.0.0.1:0}]
upstreams: [{name: backend, target: "localhost:1", breaker: {calls: 100}, concurrency: {limit: 9}, schema: {reflection: true}}]
routes: [{match: {method: /shop.v1.Catalog/Get*}, upstream: backend, collapse: true, cache: {ttl: 1s}, verify: 1%,
          key: {message: {ignore: [id]}}}]
health: {address: 127.0.0.1:0}
admin: {grpc: 127.0.0.1:0, http: 127.0.0.1:0}
'''
ONLY_WITH_TLS = 'singleflight_certificate_expires_at_seconds'

# Values that the documents list; others come from the configuration or are numbers.
CLOSED = ('role', 'reason', 'result', 'of', 'door', 'kind')


def samples(page):
    """(metric, labels) of every sample, where a histogram is one metric."""
    histograms = re.findall(r'^# TYPE (\w+) histogram', page, re.M)
    for line in page.splitlines():
        if line.startswith('#'):
            continue
        name, labels = re.match(r'(\w+)(?:\{(.*)\})?', line).groups()
        stem = re.sub(r'_(bucket|sum|count)$', '', name)
        pairs = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or ''))
        pairs.pop('le', None)
        yield stem if stem in histograms else name, pairs


class Served:
    """What /metrics serves: the labels of a metric, and the values of those that are a closed set."""

    def __init__(self, page):
        self.labels, self.values = {}, {}
        for metric, labels in samples(page):
            self.labels[metric] = set(labels)
            for label in CLOSED:
                if labels.get(label):
                    self.values.setdefault((metric, label), set()).add(labels[label])


def first_words(table):
    """What stands in backquotes in the first cells."""
    return {word for row in table for word in quoted(row[0])}


def sizes(value):
    """16777216 for 16MiB; other values as they are."""
    match = re.fullmatch(r'(\d+) ?([KMG])iB', str(value))
    return int(match[1]) << {'K': 10, 'M': 20, 'G': 30}[match[2]] if match else value


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with Proxy(CONFIG) as proxy:
            with urllib.request.urlopen(f'http://{proxy.health}/metrics') as page:
                cls.page = page.read().decode()
        cls.served = Served(cls.page)

    def values(self, metric, label='reason'):
        return self.served.values[f'singleflight_{metric}', label]

    def test_the_page_lists_every_metric_with_its_labels(self):
        documented = {}
        for name in (word for row in rows('docs/metrics.md') for word in quoted(row[0])):
            if name.startswith(('singleflight_', 'process_', 'grpc_')):
                metric, labels = re.fullmatch(r'(\w+)(?:\{(.*)\})?', name).groups()
                if labels or metric not in documented:
                    documented[metric] = set(filter(None, (labels or '').split(',')))
        self.assertEqual(documented.pop(ONLY_WITH_TLS), {'file'})
        self.assertEqual(documented, self.served.labels)

    def test_prometheus_finds_no_fault_with_their_names(self):
        told = subprocess.run(['promtool', 'check', 'metrics'], input=self.page, capture_output=True, text=True, check=False)
        self.assertEqual((told.returncode, told.stdout + told.stderr), (0, ''))

    def test_the_page_lists_every_role(self):
        self.assertEqual(first_words(rows('docs/metrics.md', behind='| `role` | the call |\n')),
                         self.values('calls_by_role_total', 'role'))

    def test_the_page_about_sharing_lists_every_kind_of_split(self):
        documented = first_words(rows('docs/sharing.md', behind='| `kind` | `name` | what to do |\n'))
        self.assertEqual(documented, self.values('not_shared_total', 'kind'))

    def test_the_page_lists_every_result(self):
        text = {row[0].strip('`').partition('{')[0]: row[1] for row in rows('docs/metrics.md') if len(row) == 2}
        for (metric, label), values in self.served.values.items():
            if label == 'result':
                self.assertEqual(set(quoted(text[metric])), values, metric)

    def test_every_reason_is_explained(self):
        elsewhere = {'singleflight_calls_by_role_total', 'singleflight_waiters_released_total'}
        for (metric, label), values in self.served.values.items():
            if label != 'reason' or metric in elsewhere:
                continue
            with self.subTest(metric):
                self.assertEqual(self.explained(metric), values)

    def explained(self, metric):
        """The reasons behind the metric's name at the beginning of a line: a table, or the line itself if there is but one."""
        line = re.search(rf'^`{metric}`: (.*)$', read('docs/reasons.md'), re.M)
        self.assertIsNotNone(line, f'{metric} is not in docs/reasons.md')
        if line[1].startswith('`'):
            return {quoted(line[1])[0]}
        return first_words(rows('docs/reasons.md', behind=line[0]))

    def test_every_detail_of_cache_status_is_explained(self):
        lists = {'why the call went alone': self.values('calls_by_role_total'),
                 'why the flight could not be shared': self.values('waiters_released_total')}
        for heading, values in lists.items():
            with self.subTest(heading):
                self.assertEqual(first_words(rows('docs/caching.md', behind=f'| `detail` | {heading} |\n')), values)


class Traces(unittest.TestCase):
    def test_the_page_lists_every_attribute(self):
        names = re.findall(r'"((?:rpc|error|server|network|singleflight)\.[a-z_.]+)"', read('server/otlp/to_otlp.cc'))
        self.assertEqual(first_words(rows('docs/tracing.md', behind='| attribute | of | says |\n')), set(names))


class Options(unittest.TestCase):
    def setUp(self):
        self.reference = yaml.safe_load(read('config/reference.yaml'))

    def test_the_page_about_limits_has_every_limit_with_its_default(self):
        documented = {}
        for row in rows('docs/limits.md', behind='| `limits:` | default |'):
            documented.update(zip(quoted(row[0]), row[1].split(', ')))
        examples = re.findall(r'^  (\w+): \S+ # example', read('config/reference.yaml').partition('\nlimits:')[2], re.M)
        wanted = {name: 'none' if name in examples else str(value) for name, value in self.reference['limits'].items()}
        self.assertEqual(documented, wanted)

    def test_shares_of_memory_are_what_the_rule_says(self):
        for name, _, share, most, *given in rows('docs/limits.md', behind='| bound | of | share |'):
            eighths = int(share.partition('/')[0])
            for have, allowed in zip(given, (64, 512, 1024, 4096)):
                wanted = min((allowed - 12) * eighths // 8 << 20, sizes(most))
                self.assertEqual(sizes(have), wanted, f'{name} at {allowed} MiB')

    def test_options_that_documents_name_exist(self):
        sections = r'(upstreams|collapse|cache|limits|key|reload|health|admin|log|reply_marks)'
        known = set(self.paths(self.reference))
        for page in pages():
            for word in quoted(read(page)):
                if re.fullmatch(sections + r'(\[\])?\.[a-z_.]+', word) and not word.endswith('.proto'):
                    ending = '.' + word.replace('[]', '')
                    self.assertTrue(any(path.endswith(ending) for path in known), f'{page}: {word}')

    def paths(self, node, path=''):
        if isinstance(node, list):
            for item in node:
                yield from self.paths(item, path)
        if isinstance(node, dict):
            for name, value in node.items():
                yield f'{path}.{name}'
                yield from self.paths(value, f'{path}.{name}')


class Tables(unittest.TestCase):
    def test_rows_fit_a_screen(self):
        for page in set(pages()) - INTERNAL:
            long = [line for line in read(page).splitlines() if line.startswith('|') and len(line) > 120]
            self.assertEqual(long, [], page)

    def test_the_first_page_is_one_page(self):
        self.assertLessEqual(read('README.md').count('\n'), 120)


if __name__ == '__main__':
    unittest.main()
