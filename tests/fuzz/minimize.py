#!/usr/bin/env python3
"""minimize.py TARGET [FOLDER…]: makes tests/fuzz/corpus/TARGET of what is in it and in the folders, by default those
that ./dev fuzz fills: the few inputs that reach most."""

import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(HERE, '../../build/fuzz')
MOST_FILES = 30
MOST_BYTES = 64 << 10


def reached(target, folders):
    """For each input, what libFuzzer says that it reaches."""
    with tempfile.TemporaryDirectory() as scratch:
        control = os.path.join(scratch, 'control')
        subprocess.run([os.path.join(BUILD, f'tests/fuzz/fuzz_{target}'), '-set_cover_merge=1',
                        f'-merge_control_file={control}', os.path.join(scratch), *folders],
                       check=True, stderr=subprocess.DEVNULL)
        with open(control, encoding='utf-8', errors='surrogateescape') as file:
            lines = file.read().splitlines()
    files = lines[2:2 + int(lines[0])]
    features = {}
    for line in lines:
        words = line.split()
        if words and words[0] == 'FT':
            features.setdefault(files[int(words[1])], set()).update(words[2:])
    return features


def chosen(features):
    """The next is always the one that adds most; the smallest of several."""
    seen, picked, left = set(), [], MOST_BYTES
    size = {path: os.path.getsize(path) for path in features}
    while len(picked) < MOST_FILES:
        fitting = [path for path in features if size[path] <= left]
        best = max(fitting, key=lambda path: (len(features[path] - seen), -size[path], path), default=None)
        if best is None or not features[best] - seen:
            break
        seen |= features[best]
        left -= size[best]
        picked.append(best)
    return picked


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    target = sys.argv[1]
    corpus = os.path.join(HERE, 'corpus', target)
    os.makedirs(corpus, exist_ok=True)
    found = os.path.join(BUILD, 'corpus', target)
    folders = sys.argv[2:] or ([found] if os.path.isdir(found) else [])
    picked = chosen(reached(target, [corpus, *folders]))
    contents = []
    for path in picked:
        with open(path, 'rb') as file:
            contents.append(file.read())
    for name in filter(str.isdigit, os.listdir(corpus)):  # the others are bugs that were mended
        os.remove(os.path.join(corpus, name))
    for i, content in enumerate(contents):
        with open(os.path.join(corpus, f'{i:02}'), 'wb') as file:
            file.write(content)
    print(f'{target}: {len(contents)} inputs, {sum(map(len, contents))} bytes')


if __name__ == '__main__':
    main()
