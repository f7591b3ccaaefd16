"""The Dockerfile, carried out step by step without a container engine: a bare Debian in a folder stands for the base
image, each RUN is a chroot into it. Then the image's program runs in the image's root, as the image's user.

dockerfile_test.py REPOSITORY    (root, debootstrap and the distribution's packages; minutes)
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

import bare_root


def run(*command, **options):
    print('+', ' '.join(command), flush=True)
    return subprocess.run(command, check=True, **options)


def instructions(path):
    """[('FROM', 'debian:bookworm AS build'), …]"""
    with open(path, encoding='utf-8') as file:
        lines = [line.strip() for line in file.read().replace('\\\n', ' ').splitlines()]
    return [tuple(line.split(None, 1)) for line in lines if line and not line.startswith('#')]


def context(repository):
    """What .dockerignore lets through of the files that git knows: `*` first, then `!` and a path each."""
    with open(os.path.join(repository, '.dockerignore'), encoding='utf-8') as file:
        rules = [line.strip() for line in file if line.strip() and not line.startswith('#')]
    assert rules[0] == '*' and all(rule.startswith('!') for rule in rules[1:]), rules
    allowed = [rule[1:] for rule in rules[1:]]
    for path in allowed:
        assert os.path.exists(os.path.join(repository, path)), f'.dockerignore lets {path} through, which is not there'
    files = subprocess.run(['git', '-c', 'safe.directory=*', '-C', repository, 'ls-files', '--cached', '--others',
                            '--exclude-standard', '--', *allowed],
                           check=True, capture_output=True, text=True).stdout.split()
    return [file for file in files if os.path.exists(os.path.join(repository, file))]


class Stage:
    """One FROM and what follows."""

    def __init__(self, root):
        self.root = root
        self.workdir = '/'
        self.user = '0:0'
        self.command = []
        self.labels = {}
        self.healthcheck = []

    def inside(self, path):
        return self.root + os.path.normpath(os.path.join(self.workdir, path))

    def chroot(self, *command, **options):
        return run('chroot', f'--userspec={self.user}', self.root, *command, env=bare_root.environment(), **options)

    def run(self, shell):
        """With /proc, as an engine has it: protoc finds its own files by it."""
        run('unshare', '--mount', '/bin/sh', '-c', 'mount -t proc proc "$0/proc" && exec chroot "$@"', self.root,
            f'--userspec={self.user}', self.root, '/bin/sh', '-c', f'cd {self.workdir} && {shell}', env=bare_root.environment())

    def copy_context(self, repository, *paths):
        *sources, target = paths
        for file in context(repository):
            if '.' not in sources and file not in sources:
                continue
            where = os.path.join(self.inside(target), os.path.basename(file) if file in sources else file)
            os.makedirs(os.path.dirname(where), exist_ok=True)
            shutil.copy(os.path.join(repository, file), where)


def carry_out(repository, folder):
    """The last stage, built."""
    stages = {}
    stage = None
    for word, rest in instructions(os.path.join(repository, 'Dockerfile')):
        if word == 'FROM':
            base, _, name = rest.partition(' AS ')
            stage = stages[name] = Stage(os.path.join(folder, name or 'image'))
            os.makedirs(stage.root)
            if base != 'scratch':
                bare_root.make(repository, base.removeprefix('debian:'), stage.root)
        elif word == 'WORKDIR':
            stage.workdir = rest
            os.makedirs(stage.inside('.'), exist_ok=True)
        elif word == 'COPY' and rest.startswith('--from='):
            origin, source, target = rest.removeprefix('--from=').split()
            run('cp', '-a', stages[origin].root + source + '.', stage.inside(target))
        elif word == 'COPY':
            stage.copy_context(repository, *rest.split())
        elif word == 'RUN':
            stage.run(rest)
        elif word == 'USER':
            stage.user = rest
        elif word in ('ENTRYPOINT', 'CMD'):
            stage.command += json.loads(rest)
        elif word == 'LABEL':
            name, _, value = rest.partition('=')
            stage.labels[name] = json.loads(value)
        elif word == 'HEALTHCHECK':
            stage.healthcheck = json.loads(rest.partition(' CMD ')[2])
        else:
            assert word in ('ARG', 'EXPOSE', 'STOPSIGNAL'), f'{word}: not known to this test'
    return stage


SERVES = '''
listeners: [{address: 127.0.0.1:0}]
upstreams: [{name: catalog, target: 127.0.0.1:1}]
routes: [{upstream: catalog}]
health: {address: 127.0.0.1:%s}
'''


def is_found_well_and_unwell(image, program):
    """The HEALTHCHECK, at another port than the image's own, which something on this machine may have."""
    *check, page = image.healthcheck
    assert page == 'http://127.0.0.1:9900/readyz', page
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    page = page.replace('9900', str(port))
    with open(image.inside('/tmp/serves.yaml'), 'w', encoding='utf-8') as file:
        file.write(SERVES % port)
    ask = ['chroot', f'--userspec={image.user}', image.root, *check, page]
    assert subprocess.run(ask, check=False).returncode == 1, 'nothing listens, and it is well'
    serve = ['chroot', f'--userspec={image.user}', image.root, program, '--config', '/tmp/serves.yaml']
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as proxy:
        assert 'ready' in proxy.stdout.readline()
        assert subprocess.run(ask, check=False).returncode == 0, 'it listens, and is not well'
        proxy.terminate()


def says_what_is_in_it(image, repository):
    with open(os.path.join(repository, 'lib/singleflight/version.h'), encoding='utf-8') as file:
        version = '.'.join(re.findall(r'VERSION_(?:MAJOR|MINOR|PATCH) (\d+)$', file.read(), re.MULTILINE))
    assert image.labels['org.opencontainers.image.version'] == version, image.labels
    assert image.labels['org.opencontainers.image.licenses'] == 'Apache-2.0'
    documents = image.inside('/usr/share/doc')
    with open(f'{documents}/singleflight-proxy/packages.txt', encoding='utf-8') as file:
        packages = [line.partition('=')[0] for line in file]
    assert {'libc6', 'libnghttp2-14', 'libssl3'} <= set(packages), packages
    for package in packages:
        assert os.path.exists(f'{documents}/{package}/copyright'), f'no licence of {package}'


def has_no_dates(image):
    dated = [os.path.join(folder, name) for folder, _, names in os.walk(image.inside('/usr')) for name in names
             if os.lstat(os.path.join(folder, name)).st_mtime != 0]
    assert not dated, dated


SECURE_UPSTREAM = '''
listeners: [{address: 127.0.0.1:0}]
upstreams: [{name: catalog, target: catalog.example:443, tls: true}]
routes: [{upstream: catalog}]
'''
SYSTEM_CAS = '/etc/ssl/certs/ca-certificates.crt'


def trusts_the_systems_cas(image, program):
    """`tls: true` finds CAs in the image, and says what it lacks where there are none."""
    with open(image.inside('/tmp/tls.yaml'), 'w', encoding='utf-8') as file:
        file.write(SECURE_UPSTREAM)
    check = (program, '--check', '--config', '/tmp/tls.yaml')
    image.chroot(*check)
    os.rename(image.inside(SYSTEM_CAS), image.inside('/tmp/cas'))
    try:
        image.chroot(*check, stderr=subprocess.PIPE, text=True)
    except subprocess.CalledProcessError as refused:
        assert 'install the package ca-certificates' in refused.stderr, refused.stderr
    else:
        raise AssertionError('tls: true was accepted without any CA')
    os.rename(image.inside('/tmp/cas'), image.inside(SYSTEM_CAS))


def size(root):
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(root) for name in names)


def main(repository):
    if not bare_root.possible(repository):
        print('needs root and debootstrap')
        return bare_root.NOT_HERE
    with tempfile.TemporaryDirectory() as folder:
        image = carry_out(repository, folder)
        program, _, configuration = image.command
        assert image.user.split(':')[0] not in ('0', 'root'), 'the image runs as root'
        for ours in (program, '/usr/bin/singleflightctl'):
            image.chroot(ours, '--version')
        shutil.copy(os.path.join(repository, 'config/minimal.yaml'), image.root + configuration)
        image.chroot(program, '--check', '--config', configuration)
        trusts_the_systems_cas(image, program)
        is_found_well_and_unwell(image, program)
        says_what_is_in_it(image, repository)
        has_no_dates(image)
        print(f'{size(image.root) / 2**20:.1f} MiB')
        assert not os.path.exists(image.root + '/bin/sh'), 'a shell in the image'
        assert size(image.root) < 100 * 2**20, 'not small'
    return 0


if __name__ == '__main__':
    sys.exit(main(os.path.abspath(sys.argv[1])))
