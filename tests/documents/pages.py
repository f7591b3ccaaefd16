"""The pages of the documents, as tests read them: blocks of code, tables, words in backquotes."""

import glob
import os
import re
from typing import NamedTuple

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Block(NamedTuple):
    """What stands between ``` and ```."""
    page: str
    line: int
    language: str
    text: str

    def __str__(self):
        return f'{self.page}:{self.line}'


# Pages for those who change the program; their tables have a form of their own.
INTERNAL = {'docs/semantics.md', 'docs/pitfalls.md', 'docs/decisions.md'}


def read(page):
    with open(os.path.join(TOP, page), encoding='utf-8') as file:
        return file.read()


def pages():
    """README.md and docs/*.md."""
    return ['README.md'] + sorted(os.path.relpath(path, TOP) for path in glob.glob(os.path.join(TOP, 'docs/*.md')))


def blocks(language):
    """Every block of this language."""
    fence = re.compile(r'^```(\w*)\n(.*?)^```$', re.M | re.S)
    for page in pages():
        text = read(page)
        for match in fence.finditer(text):
            if match[1] == language:
                yield Block(page, text.count('\n', 0, match.start()) + 2, language, match[2])


def commands(page=None):
    """(block, command) for every line of the shell's blocks, without its comment."""
    for block in blocks('sh'):
        if page not in (None, block.page):
            continue
        for line in block.text.splitlines():
            command = line.partition('#')[0].strip()
            if command:
                yield block, command


def quoted(text):
    """Words in backquotes."""
    return re.findall(r'`([^`]+)`', text)


def rows(page, behind=''):
    """The rows of the tables of a page without their heads, a list of cells each; `behind`: only the first table behind
    this text, which may be its head."""
    text = read(page)
    if behind:
        assert behind in text, f'{page} has no "{behind}"'
        text = re.search(r'^\|.*?(?=^[^|]|\Z)', text.partition(behind)[2], re.M | re.S)[0]
    lines = [line for line in text.splitlines() if line.startswith('|')]
    rule = [re.match(r'\|[-:|]+$', line) for line in lines] + [None]
    return [[cell.strip() for cell in line.strip('|').split(' | ')]
            for i, line in enumerate(lines) if not rule[i] and not rule[i + 1]]
