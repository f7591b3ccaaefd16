"""What the documents show works: each YAML is accepted, each command runs."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest

import yaml

from pages import TOP, blocks, commands, pages, quoted, read

sys.path.insert(0, os.path.join(TOP, 'tests/interop'))
from proxy import PATIENCE, Proxy, binary, config  # pylint: disable=wrong-import-position

# What a fragment is about stands in the fragment; the rest of its configuration is this.
REST = {
    'listeners': [{'address': '127.0.0.1:0'}],
    'upstreams': [{'name': 'catalog', 'target': '127.0.0.1:1'}],
}
ROUTE = 'routes:\n  - match: {method: /shop.v1.Catalog/Get*}\n    upstream: catalog\n    collapse: true\n'
FILES = ['server', 'clients', 'backends', 'client']  # in the folder tls


def whole(text):
    """A configuration around a fragment, which stays as it is written."""
    if set(yaml.safe_load(text)) == {'key'}:
        text = ROUTE + textwrap.indent(text, '    ')
    said = yaml.safe_load(text)
    upstreams = said.get('upstreams', REST['upstreams'])
    rest = {**REST, 'routes': [{'match': {'method': f'/{upstream["name"]}.Reads/Get*'}, 'upstream': upstream['name'],
                                'collapse': True} for upstream in upstreams]}
    missing = {section: value for section, value in rest.items() if section not in said}
    return (yaml.safe_dump(missing) if missing else '') + text


def private(path, flags):
    return os.open(path, flags, 0o600)


def make_certificates(folder):
    """tls/server.pem and its key, and copies of both under the other names that the documents have."""
    os.mkdir(os.path.join(folder, 'tls'))
    at = lambda name: os.path.join(folder, 'tls', name)
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                    '-subj', '/CN=example', '-addext', 'subjectAltName=DNS:catalog.example', '-days', '2',
                    '-keyout', at('server.key'), '-out', at('server.pem')], check=True, capture_output=True)
    for name in FILES[1:]:
        for suffix in ('.key', '.pem'):
            shutil.copy(at('server' + suffix), at(name + suffix))


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix='documents-')
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        make_certificates(cls.folder)
        os.symlink(os.path.join(TOP, 'tests/schema'), os.path.join(cls.folder, 'protos'))
        next(cls.make_descriptor_set(cls, command) for _, command in commands() if command.startswith('protoc '))
        with open(os.path.join(cls.folder, 'admin.token'), 'w', encoding='utf-8', opener=private) as file:
            file.write('a-token-that-is-long-enough\n')
        tls = os.path.join(cls.folder, 'tls')
        cls.environment = {**os.environ, 'SSL_CERT_FILE': os.path.join(tls, 'server.pem'), 'CREDENTIALS_DIRECTORY': tls}

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def run_it(self, *command, **options):
        return subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True,
                              timeout=PATIENCE, check=False, **options)

    def test_every_yaml_is_accepted_without_a_warning(self):
        found = list(blocks('yaml'))
        self.assertGreaterEqual(len(found), 6)
        for block in found:
            with self.subTest(str(block)):
                file = self.file('proxy.yaml', whole(block.text))
                check = self.run_it(binary(), '--check', '--config', file)
                self.assertEqual((check.returncode, check.stderr), (0, ''))

    def test_every_command_runs(self):
        run = {'./dev': self.dev, 'singleflight-proxy': self.proxy, 'curl': self.curl, 'etcdctl': self.etcdctl,
               'protoc': self.protoc}
        found = list(commands())
        self.assertGreaterEqual(len(found), 10)
        for block, command in found:
            with self.subTest(str(block), command=command):
                program, *arguments = shlex.split(command)
                program = program.removeprefix('build/release/server/')
                self.assertIn(program, run, 'no test knows how to run this')
                run[program](*arguments)

    def dev(self, *arguments):
        """`./dev help` has it; what builds and tests is run by .ci/run."""
        told = self.run_it(os.path.join(TOP, 'dev'), 'help').stdout
        self.assertRegex(told, rf'(?m)^\./dev {arguments[0]}\b')

    def proxy(self, *arguments):
        """On proxy.yaml, or on its text as standard input; what serves ends by SIGTERM."""
        text = config('127.0.0.1:1', 'collapse: true')
        self.file('proxy.yaml', text)
        if '--check' in arguments:
            check = self.run_it(binary(), *arguments)
            self.assertEqual(check.returncode, 0, check.stderr)
            return
        given = subprocess.PIPE if '-' in arguments else None
        with subprocess.Popen([binary(), *arguments], cwd=self.folder, stdin=given, stdout=subprocess.PIPE,
                              text=True) as process:
            if given:
                process.stdin.write(text)
                process.stdin.close()
            self.assertIn('singleflight-proxy ready: listening on 127.0.0.1:', process.stdout.readline())
            process.terminate()
        self.assertEqual(process.returncode, 0)

    def curl(self, *arguments):
        with Proxy(config('127.0.0.1:1')) as proxy:
            there = [argument.replace('127.0.0.1:9900', proxy.health) for argument in arguments]
            got = self.run_it('curl', '--fail', *there)
        self.assertEqual(got.returncode, 0, got.stderr)
        self.assertIn(proxy.address if '/status' in arguments[-1] else 'singleflight_calls_total', got.stdout)

    def make_descriptor_set(self, command):
        subprocess.run(shlex.split(command), cwd=self.folder, check=True)

    def protoc(self, *arguments):
        """On the shop's files, which tests/schema has."""
        self.assertEqual(self.run_it('protoc', *arguments).returncode, 0)

    def etcdctl(self, *arguments):
        """Tests in tests/interop/tools run them, on the ports of config/etcd.yaml and config/etcd-one-address.yaml."""
        doors = {f'--endpoints={door}' for door in ('127.0.0.1:12379', '127.0.0.1:12380')}
        self.assertIn(arguments[0], doors)

    def test_readme_has_the_two_commands_that_a_bare_machine_runs(self):
        shown = {command for block, command in commands('README.md')}
        self.assertLessEqual({'./dev run', './dev test'}, shown)
        self.assertIn("steps=(\n  './dev run --once'\n  './dev test'\n", read('.ci/run'))

    def test_every_command_of_dev_that_documents_name_is_there(self):
        for page in [*pages(), 'CONTRIBUTING.md', 'CHANGELOG.md']:
            for word in {words.split()[1] for words in quoted(read(page)) if words.startswith('./dev ')}:
                with self.subTest(page, word=word):
                    self.dev(word)

    def test_systemd_accepts_every_drop_in(self):
        if not shutil.which('systemd-analyze'):
            self.skipTest('no systemd-analyze here')
        unit = read('deploy/systemd/singleflight-proxy.service').replace('=/usr/bin/singleflight-proxy ', f'={binary()} ')
        for block in blocks('ini'):
            with self.subTest(str(block)):
                name = f'line-{block.line}.service'
                file = self.file(name, unit)
                os.mkdir(file + '.d')
                self.file(f'{name}.d/override.conf', block.text)
                verify = self.run_it('systemd-analyze', 'verify', file)
                self.assertEqual((verify.returncode, verify.stderr), (0, ''))

    def test_the_pages_about_etcd_show_the_files_that_are_shipped(self):
        for name in ('etcd', 'etcd-one-address'):
            with self.subTest(name):
                shown = next(yaml.safe_load(block.text) for block in blocks('yaml') if block.page == f'docs/{name}.md')
                with_defaults = self.with_defaults(yaml.safe_load(read(f'config/{name}.yaml')))
                del with_defaults['health']
                self.assertEqual(shown, with_defaults)

    def test_the_page_about_authorization_shows_the_file_that_is_shipped(self):
        shown = next(yaml.safe_load(block.text) for block in blocks('yaml') if block.page == 'docs/authorization.md')
        with_defaults = self.with_defaults(yaml.safe_load(read('config/authorization.yaml')))
        del with_defaults['health'], with_defaults['admin'], shown['admin']
        self.assertEqual(shown, with_defaults)

    def with_defaults(self, node):
        """${NAME:-default} is its default."""
        if isinstance(node, dict):
            return {key: self.with_defaults(value) for key, value in node.items()}
        if isinstance(node, list):
            return [self.with_defaults(item) for item in node]
        return node[node.index(':-') + 2:-1] if isinstance(node, str) and node.startswith('${') else node


if __name__ == '__main__':
    unittest.main()
