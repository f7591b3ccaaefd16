"""The .deb, in a bare Debian: it installs with what it needs, its proxy serves, a newcomer finds the way, an upgrade and the
way back keep the owner's configuration, and a purge leaves nothing.

package_test.py REPOSITORY BACKEND    (root, debootstrap and the distribution's packages; `./dev package` has been run)
"""

import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../testing'))

import bare_root  # noqa: E402
from newcomer import Newcomer, running  # noqa: E402

PROGRAMS = ('singleflight-proxy', 'singleflightctl')
OURS = ('/usr/bin/singleflight-proxy', '/lib/systemd/system/singleflight-proxy.service',
        '/etc/singleflight/proxy.yaml', '/usr/share/doc/singleflight-proxy/copyright', '/usr/bin/singleflightctl',
        '/usr/share/man/man1/singleflightctl.1', '/usr/share/bash-completion/completions/singleflightctl')


class Root:
    """A bare Debian 12, and what runs in it."""

    def __init__(self, repository, folder):
        self.folder = folder
        bare_root.make(repository, 'bookworm', folder)
        self.run('apt-get', '-q', 'update')

    def path(self, path):
        return self.folder + path

    def command(self, *command):
        return {'args': ['chroot', self.folder, *command], 'env': bare_root.environment(), 'text': True}

    def run(self, *command, check=True):
        told = subprocess.run(**self.command(*command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if check and told.returncode != 0:
            raise AssertionError(f'{" ".join(command)}: status {told.returncode}\n{told.stdout}')
        return told.stdout

    def files(self):
        return {os.path.join(folder, name)[len(self.folder):]
                for top in ('/etc', '/usr', '/lib', '/var/lib') for folder, _, names in os.walk(self.path(top))
                for name in names if 'singleflight' in os.path.join(folder, name)[len(self.folder):]}


def install(root, package, *options):
    shutil.copy(package, root.path('/srv/'))
    root.run('apt-get', '-q', '-y', 'install', '--no-install-recommends', *options, f'/srv/{os.path.basename(package)}')


def version(root):
    return root.run('dpkg-query', '-W', '-f', '${Version}', 'singleflight-proxy')


def newer(package, folder):
    """The same package under a version that is one revision further."""
    unpacked = os.path.join(folder, 'newer')
    subprocess.run(['dpkg-deb', '-R', package, unpacked], check=True)
    control = os.path.join(unpacked, 'DEBIAN/control')
    with open(control, encoding='utf-8') as file:
        text = file.read()
    with open(control, 'w', encoding='utf-8') as file:
        file.write(''.join(line.rstrip() + '.1\n' if line.startswith('Version:') else line
                           for line in text.splitlines(True)))
    made = os.path.join(folder, 'singleflight-proxy_newer.deb')
    subprocess.run(['dpkg-deb', '--root-owner-group', '-b', unpacked, made], check=True, stdout=subprocess.DEVNULL)
    return made


def serves(root):
    """The shipped configuration, on ports of its own, as the unit runs it."""
    config = root.path('/etc/singleflight/proxy.yaml')
    with open(config, encoding='utf-8') as file:
        text = file.read()
    with open(root.path('/srv/serves.yaml'), 'w', encoding='utf-8') as file:
        file.write(text.replace('127.0.0.1:8080', '127.0.0.1:0').replace('127.0.0.1:9900', '127.0.0.1:0'))
    os.makedirs(root.path('/run/singleflight'), exist_ok=True)
    root.run('singleflight-proxy', '--check', '--config', '/etc/singleflight/proxy.yaml')
    with running(root.command('singleflight-proxy', '--config', '/srv/serves.yaml')) as ready:
        root.run('singleflight-proxy', '--probe', f'http://{ready.health}/readyz')
        assert '/srv/serves.yaml, in force' in root.run('singleflightctl', 'info')


def installs(root, package):
    install(root, package)
    missing = set(OURS) - root.files()
    assert not missing, f'not installed: {missing}'
    for program in PROGRAMS:
        root.run(program, '--version')
    serves(root)


def leads_a_newcomer(root, backend):
    os.makedirs(root.path('/run/singleflight'), exist_ok=True)
    with Newcomer(root, backend) as newcomer:
        newcomer.walk()


def changes_version(root, package, folder):
    """There and back; docs/install.md says how."""
    before = version(root)
    mine = root.path('/etc/singleflight/proxy.yaml')
    with open(mine, 'a', encoding='utf-8') as file:
        file.write('# mine\n')
    for other, options, wanted in ((newer(package, folder), (), before + '.1'), (package, ('--allow-downgrades',), before)):
        install(root, other, *options)
        assert version(root) == wanted, version(root)
        with open(mine, encoding='utf-8') as file:
            assert file.read().endswith('# mine\n'), 'the configuration was taken away'
        serves(root)


def leaves(root, before):
    root.run('apt-get', '-q', '-y', 'remove', 'singleflight-proxy')
    assert os.path.exists(root.path('/etc/singleflight/proxy.yaml')), 'removed with the programs'
    root.run('apt-get', '-q', '-y', 'purge', 'singleflight-proxy')
    left = root.files() - before
    assert not left, f'left behind: {left}'


def step(what, *arguments):
    began = time.monotonic()
    what(*arguments)
    print(f'{what.__name__}: {time.monotonic() - began:.0f} s', flush=True)


def main(repository, backend):
    packages = glob.glob(os.path.join(repository, 'build/package/*.deb'))
    if not bare_root.possible(repository) or len(packages) != 1:
        print('needs root, debootstrap, and one package in build/package (./dev package)')
        return bare_root.NOT_HERE
    (package,) = packages
    with tempfile.TemporaryDirectory() as folder:
        root = Root(repository, os.path.join(folder, 'root'))
        before = root.files()
        step(installs, root, package)
        step(leads_a_newcomer, root, backend)
        step(changes_version, root, package, folder)
        step(leaves, root, before)
    return 0


if __name__ == '__main__':
    sys.exit(main(os.path.abspath(sys.argv[1]), sys.argv[2]))
