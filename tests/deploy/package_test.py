"""The .deb, in a bare Debian: it installs with what it needs, its proxy serves, an upgrade keeps the owner's configuration,
and a purge leaves nothing.

package_test.py REPOSITORY    (root, debootstrap and the distribution's packages; `./dev package` has been run)
"""

import glob
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../testing'))

import ready_line  # noqa: E402

NOT_HERE = 77
PROGRAMS = ('singleflight-proxy', 'singleflightctl')
OURS = ('/usr/bin/singleflight-proxy', '/lib/systemd/system/singleflight-proxy.service',
        '/etc/singleflight/proxy.yaml', '/usr/share/doc/singleflight-proxy/copyright', '/usr/bin/singleflightctl',
        '/usr/share/man/man1/singleflightctl.1', '/usr/share/bash-completion/completions/singleflightctl')


class Root:
    """A bare Debian 12 in a folder, with this machine's mirrors."""

    def __init__(self, folder):
        self.folder = folder
        subprocess.run(['debootstrap', '--variant=minbase', '--include=ca-certificates', 'bookworm', folder],
                       stdout=subprocess.DEVNULL, check=True)
        for path in ('sources.list', 'sources.list.d', 'apt.conf.d'):
            here, there = f'/etc/apt/{path}', f'{folder}/etc/apt/{path}'
            if os.path.isdir(here):
                shutil.copytree(here, there, dirs_exist_ok=True)
            elif os.path.exists(here):
                shutil.copy(here, there)
        for path in ('resolv.conf', 'hosts', 'ssl/certs/ca-certificates.crt'):
            shutil.copy(f'/etc/{path}', f'{folder}/etc/{path}')
        self.run('apt-get', '-q', 'update')

    def path(self, path):
        return self.folder + path

    def command(self, *command):
        environment = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'DEBIAN_FRONTEND': 'noninteractive'}
        environment.update((k, v) for k, v in os.environ.items() if k.lower().endswith('_proxy'))
        return {'args': ['chroot', self.folder, *command], 'env': environment, 'text': True}

    def run(self, *command, check=True):
        told = subprocess.run(**self.command(*command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if check and told.returncode != 0:
            raise AssertionError(f'{" ".join(command)}: status {told.returncode}\n{told.stdout}')
        return told.stdout

    def files(self):
        return {os.path.join(folder, name)[len(self.folder):]
                for top in ('/etc', '/usr', '/lib', '/var/lib') for folder, _, names in os.walk(self.path(top))
                for name in names if 'singleflight' in os.path.join(folder, name)[len(self.folder):]}


def install(root, package):
    shutil.copy(package, root.path('/srv/'))
    root.run('apt-get', '-q', '-y', 'install', '--no-install-recommends', f'/srv/{os.path.basename(package)}')


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
    command = root.command('singleflight-proxy', '--config', '/srv/serves.yaml')
    with subprocess.Popen(**command, stdout=subprocess.PIPE) as proxy:
        said = proxy.stdout.readline()
        ready = ready_line.parse(said)
        assert ready, said
        health = ready.health
        root.run('singleflight-proxy', '--probe', f'http://{health}/readyz')
        assert 'pid' in root.run('singleflightctl', 'info')
        proxy.terminate()
        assert proxy.wait(30) == 0


def main(repository):
    packages = glob.glob(os.path.join(repository, 'build/package/*.deb'))
    if os.geteuid() != 0 or not shutil.which('debootstrap') or len(packages) != 1:
        print('needs root, debootstrap, and one package in build/package (./dev package)')
        return NOT_HERE
    (package,) = packages
    with tempfile.TemporaryDirectory() as folder:
        root = Root(os.path.join(folder, 'root'))
        before = root.files()
        install(root, package)
        missing = set(OURS) - root.files()
        assert not missing, f'not installed: {missing}'
        for program in PROGRAMS:
            root.run(program, '--version')
        serves(root)

        with open(root.path('/etc/singleflight/proxy.yaml'), 'a', encoding='utf-8') as file:
            file.write('# mine\n')
        install(root, newer(package, folder))
        assert '.1' in root.run('dpkg-query', '-W', '-f', '${Version}', 'singleflight-proxy')
        with open(root.path('/etc/singleflight/proxy.yaml'), encoding='utf-8') as file:
            assert file.read().endswith('# mine\n'), 'an upgrade took the configuration away'
        serves(root)

        root.run('apt-get', '-q', '-y', 'remove', 'singleflight-proxy')
        assert os.path.exists(root.path('/etc/singleflight/proxy.yaml')), 'removed with the programs'
        root.run('apt-get', '-q', '-y', 'purge', 'singleflight-proxy')
        left = root.files() - before
        assert not left, f'left behind: {left}'
        print(root.run('dpkg-query', '-W', '-f', '${binary:Package}\n').count('\n'), 'packages in the root')
    return 0


if __name__ == '__main__':
    sys.exit(main(os.path.abspath(sys.argv[1])))
