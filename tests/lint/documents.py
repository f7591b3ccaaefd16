"""What documents and comments say is there, is there: sections, traps, files, links, functions, tests."""

import os
import re
from typing import Iterator

from sources import Source, finding

PITFALLS = 'docs/pitfalls.md'


class Paths:
    """Files and folders of the repository, as documents name them."""

    def __init__(self, sources):
        self.files = {source.path: source for source in sources}
        self.folders = set()
        for path in self.files:
            while path:
                path = os.path.dirname(path)
                self.folders.add(path)

    def find(self, path, *folders):
        """`path` from the first of `folders` where there is such a file or folder."""
        for folder in folders:
            found = os.path.normpath(os.path.join(folder, path))
            if found in self.files or found in self.folders or found == '.':
                return found
        return None


def prose(source):
    """A document's text with its code blocks blank, so that lines keep their numbers."""
    return re.sub(r'^```.*?^```', lambda block: '\n' * block[0].count('\n'), source.text, flags=re.M | re.S)


def spans(source):
    """What stands between backticks in a document, with its line."""
    for match in re.finditer(r'`([^`\n]+)`', prose(source)):
        yield source.line_of(match.start()), match[1]


# --- citations ------------------------------------------------------------------------------------------------------

# "docs/semantics.md §3", "[semantics.md](semantics.md) §3, §5"; broken across lines of a comment as well.
SECTION = re.compile(r'(?P<document>[\w./-]+\.md|\b[A-Z]{5,})\)?[\s/#*]{1,12}(?P<sections>§\d+(?:(?:, | and |…|–)§\d+)*)')
# 'docs/limits.md, "Memory"', a heading or what a paragraph begins with in bold; and a page alone.
PAGE = re.compile(r'(?<![\w/.-])((?:docs|lib)/[\w/-]+\.md|ARCHITECTURE\.md|README\.md)(?:,[\s/#*]{1,12}"([^"\n]+)")?')
TRAP = re.compile(r'PITFALLS[\s/#*]{1,12}(\d+(?:(?:, | and )\d+)*)')


def sections_of(document):
    return {int(n) for n in re.findall(r'^#+ §(\d+)\b', document.text, re.M)}


def headings_of(document):
    return {heading or bold.rstrip('.') for heading, bold in re.findall(r'^#+ +(.+?) *$|^\*\*(.+?)\*\*', document.text, re.M)}


def traps_of(pitfalls):
    """Line and number of each trap, and the lines below it, which name its tests."""
    trap = None
    for line, text in pitfalls.lines():
        begins = re.match(r'- \*\*(\d+)\*\* ', text)
        if begins:
            if trap:
                yield trap
            trap = line, int(begins[1]), []
        elif trap and text.startswith('  - '):
            trap[2].append((line, text[4:]))
    if trap:
        yield trap


def pages(sources) -> Iterator[str]:
    """A page that code names is there, and so is the heading in it."""
    paths = Paths(sources)
    for source in sources:
        if source.is_document() or source.path.startswith('tests/lint/'):
            continue
        for match in PAGE.finditer(source.text):
            line = source.line_of(match.start())
            if match[1] not in paths.files:
                yield finding(source, line, f'there is no {match[1]}')
            elif match[2] and match[2] not in headings_of(paths.files[match[1]]):
                yield finding(source, line, f'{match[1]} has no heading "{match[2]}"')


def citations(sources) -> Iterator[str]:
    """A section or a trap that is cited is there."""
    paths = Paths(sources)
    traps = {number for _, number, _ in traps_of(paths.files.get(PITFALLS, Source(PITFALLS, '')))}
    for source in sources:
        if source.path.startswith('tests/lint/'):
            continue
        for match in SECTION.finditer(source.text):
            where = paths.find(match['document'], os.path.dirname(source.path), '')
            known = sections_of(paths.files[where]) if where in paths.files else set()
            for section in re.findall(r'\d+', match['sections']):
                if int(section) not in known:
                    yield finding(source, source.line_of(match.start()), f'{match["document"]} has no §{section}')
        for match in TRAP.finditer(source.text):
            for trap in re.findall(r'\d+', match[1]):
                if int(trap) not in traps:
                    yield finding(source, source.line_of(match.start()), f'{PITFALLS} has no {trap}')


# --- links ----------------------------------------------------------------------------------------------------------

LINK = re.compile(r'\]\(([^)\s]+)\)|\b(?:src|srcset|href)="([^"]+)"')
FILE = re.compile(r'(?:[\w.-]+/)+[\w.-]+\.(?:c|cc|cmake|go|h|js|json|md|mjs|py|sh|svg|txt|yaml)|(?:[\w.-]+/)+')
# Where paths in documents begin, besides the top and the document's own folder.
SHORT = ['server', 'lib', 'lib/singleflight']
MADE = ('build/',)  # by builds


def anchors_of(document):
    """As GitHub makes them of headings."""
    seen = {}
    for heading in re.findall(r'^#+ +(.+?) *#*$', prose(document), re.M):
        text = re.sub(r'\[([^]]*)\]\([^)]*\)', r'\1', heading).lower()
        slug = re.sub(r'[^\w\- ]', '', text).replace(' ', '-')
        count = seen[slug] = seen.get(slug, -1) + 1
        yield slug if count == 0 else f'{slug}-{count}'


def links(sources) -> Iterator[str]:
    """Relative links of documents lead to files and headings."""
    paths = Paths(sources)
    for source in filter(Source.is_document, sources):
        for match in LINK.finditer(prose(source)):
            target = match[1] or match[2]
            if re.match(r'[a-z]+:', target):
                continue
            line = source.line_of(match.start())
            path, _, anchor = target.partition('#')
            where = paths.find(path, os.path.dirname(source.path)) if path else source.path
            if where is None:
                yield finding(source, line, f'{target} leads nowhere')
            elif anchor and anchor not in anchors_of(paths.files.get(where, Source('', ''))):
                yield finding(source, line, f'{where} has no heading #{anchor}')


def files(sources) -> Iterator[str]:
    """A file or folder that a document names between backticks is there."""
    paths = Paths(sources)
    for source in filter(Source.is_document, sources):
        for line, span in spans(source):
            if FILE.fullmatch(span) and not span.startswith(MADE):
                if paths.find(span, '', os.path.dirname(source.path), *SHORT) is None:
                    yield finding(source, line, f'there is no {span}')


# --- functions ------------------------------------------------------------------------------------------------------

FUNCTION = re.compile(r'(?<![\w/.-])((?:[\w-]+/)+[\w-]+\.(?:cc|h)):((?:\w+::)*)([A-Za-z_]\w*)')
AFTER_PARAMETERS = re.compile(r'(?:\s*(?:const|noexcept|override|final|&&?|->\s*[\w:<>,*& ]+|[A-Z_]+\([^()]*\)))*\s*(\{|:(?!:))')


def past_parentheses(text, at):
    """Where what begins with the parenthesis at `at` ends."""
    depth = 0
    for i in range(at, len(text)):
        depth += {'(': 1, ')': -1}.get(text[i], 0)
        if depth == 0:
            return i + 1
    return len(text)


def defines(text, scope, name):
    for match in re.finditer(rf'(?<![\w.>~]){re.escape(scope)}{re.escape(name)}(\()', text):
        after = AFTER_PARAMETERS.match(text, past_parentheses(text, match.start(1)))
        # Of a colon: only a constructor has one before its body, but calls have one in a conditional expression.
        if after and (after[1] == '{' or text.endswith(f'{name}::', 0, match.start())):
            return True
    return False


def functions(sources) -> Iterator[str]:
    """A function that a document names as file:Function is defined in that file."""
    paths = Paths(sources)
    for source in filter(Source.is_document, sources):
        for match in FUNCTION.finditer(prose(source)):
            path, scope, name = match.groups()
            line = source.line_of(match.start())
            where = paths.find(path, '', *SHORT)
            if where is None:
                yield finding(source, line, f'there is no {path}')
            elif not defines(paths.files[where].text, scope, name):
                yield finding(source, line, f'{where} defines no {scope}{name}')


# --- traps ----------------------------------------------------------------------------------------------------------

def tests_in(sources):
    for source in sources:
        if re.match(r'tests/.*_test\.cc$', source.path):
            for suite, name in re.findall(r'^(?:TYPED_)?TEST(?:_[FP])?\((\w+),\s*(\w+)\)', source.text, re.M):
                yield f'{suite}.{name}'


def pinned(sources) -> Iterator[str]:
    """Every trap has a test that is there, or says why it has none."""
    paths = Paths(sources)
    pitfalls = paths.files.get(PITFALLS)
    if pitfalls is None:
        return
    tests = set(tests_in(sources))
    numbers = []
    for line, number, below in traps_of(pitfalls):
        numbers.append(number)
        if not below:
            yield finding(pitfalls, line, 'names no test and does not say why ("not pinned: …")')
        for at, text in below:
            named = re.match(r'`([^`]+)`', text)
            if not named and not text.startswith('not pinned: '):
                yield finding(pitfalls, at, 'begins with no test, nor with "not pinned: "')
            elif named and named[1] not in tests and ('/' not in named[1] or paths.find(named[1], '') is None):
                yield finding(pitfalls, at, f'there is no test {named[1]}')
    for number in range(1, max(numbers, default=0) + 1):
        if numbers.count(number) != 1:
            yield finding(pitfalls, 1, f'has {number} {numbers.count(number)} times')


RULES = [citations, pages, links, files, functions, pinned]
