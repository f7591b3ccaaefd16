"""A bare Debian in a folder: what the image debian:RELEASE holds, with this machine's mirrors."""

import os
import shutil
import subprocess
import tempfile

NOT_HERE = 77  # the status of a test that cannot run on this machine


def possible(repository):
    return os.geteuid() == 0 and (os.path.exists(archive_path(repository, 'bookworm')) or shutil.which('debootstrap') is not None)


def archive_path(repository, release):
    return os.path.join(repository, f'build/bare/{release}.tar')


def mirror():
    """The one that this machine uses itself."""
    try:
        with open('/etc/apt/sources.list.d/debian.sources', encoding='utf-8') as file:
            return [line.split()[1] for line in file if line.startswith('URIs:')][0]
    except (OSError, IndexError):
        return 'http://deb.debian.org/debian'


def archive(repository, release):
    """Made once, by .ci/bare or here; apt brings what has changed since."""
    path = archive_path(repository, release)
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as folder:
            root, packed = os.path.join(folder, 'root'), os.path.join(folder, 'packed')
            subprocess.run(['debootstrap', '--variant=minbase', '--include=ca-certificates', release, root, mirror()],
                           stdout=subprocess.DEVNULL, check=True)
            subprocess.run(['tar', '--create', '--file', packed, '--directory', root, '.'], check=True)
            os.rename(packed, path)
    return path


def make(repository, release, root):
    os.makedirs(root, exist_ok=True)
    subprocess.run(['tar', '--extract', '--file', archive(repository, release), '--directory', root], check=True)
    for path in ('sources.list', 'sources.list.d', 'apt.conf.d'):
        here, there = f'/etc/apt/{path}', f'{root}/etc/apt/{path}'
        if os.path.isdir(here):
            shutil.copytree(here, there, dirs_exist_ok=True)
        elif os.path.exists(here):
            shutil.copy(here, there)
    for path in ('resolv.conf', 'hosts', 'ssl/certs/ca-certificates.crt'):
        shutil.copy(f'/etc/{path}', f'{root}/etc/{path}')
    if os.path.exists('/etc/apt/sources.list.d/debian.sources'):  # which names the same packages
        with open(f'{root}/etc/apt/sources.list', 'w', encoding='utf-8'):
            pass
    with open(f'{root}/etc/dpkg/dpkg.cfg.d/thrown-away', 'w', encoding='utf-8') as file:
        file.write('force-unsafe-io\n')


def environment():
    """Of commands in a root: its programs, and how this machine reaches packages."""
    found = {'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'DEBIAN_FRONTEND': 'noninteractive'}
    found.update((k, v) for k, v in os.environ.items() if k.lower().endswith('_proxy'))
    return found
