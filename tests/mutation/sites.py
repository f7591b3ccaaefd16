"""Finds what can be mutated in a C++ file, with libclang: each comparison, operand, condition, bound and lock.

A site is a range of the file's bytes and what is to be done there. Sites in constant expressions, which a program cannot
choose while it runs, and in macros are counted and left out.
"""

import glob
import os
import re
import subprocess
from typing import NamedTuple

from clang import cindex
from clang.cindex import CursorKind as Kind

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BOUNDARY = {'<': 'Less', '<=': 'LessOrEqual', '>': 'Greater', '>=': 'GreaterOrEqual'}
COMPARISONS = [*BOUNDARY, '==', '!=']
OTHER_SIDE = {'<': '<=', '<=': '<', '>': '>=', '>=': '>'}
CONSTANT = {Kind.STATIC_ASSERT, Kind.ENUM_CONSTANT_DECL, Kind.CXX_UNARY_EXPR}
FUNCTIONS = {Kind.FUNCTION_DECL, Kind.CXX_METHOD, Kind.CONSTRUCTOR, Kind.DESTRUCTOR, Kind.FUNCTION_TEMPLATE,
             Kind.CONVERSION_FUNCTION}


class Site(NamedTuple):
    kind: str  # inverted, boundary, removed, bound or unlocked
    begin: int
    end: int
    line: int
    operator: tuple = ()  # of boundary: where its operator stands; of bound: its two arguments
    text: str = ''  # what becomes of what


class Found(NamedTuple):
    sites: list
    constant: int
    in_macros: int
    unread: list  # what libclang does not understand there


def library():
    """libclang, wherever the package of this release has it."""
    if not cindex.Config.loaded:
        files = sorted(glob.glob('/usr/lib/llvm-*/lib/libclang-[0-9]*.so*'))
        if files:
            cindex.Config.set_library_file(files[-1])
    return cindex.Index.create()


def flags(top):
    resources = subprocess.run(['clang', '-print-resource-dir'], capture_output=True, text=True, check=True).stdout.strip()
    return ['-x', 'c++', '-std=c++20', f'-I{top}', f'-I{top}/lib', '-resource-dir', resources, '-w']


class Finder:
    """Goes over one file."""

    def __init__(self, path, top=TOP):
        self.path = os.path.join(top, path)
        with open(self.path, 'rb') as file:
            self.bytes = file.read()
        unit = library().parse(self.path, flags(top), options=cindex.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD)
        self.unread = [str(d) for d in unit.diagnostics if d.severity >= cindex.Diagnostic.Error]
        self.sites = []
        self.constant = self.in_macros = 0
        own = [c for c in unit.cursor.get_children() if c.location.file and c.location.file.name == self.path]
        self.macros = [self.range(c) for c in own if c.kind == Kind.MACRO_INSTANTIATION]
        for cursor in own:
            self.visit(cursor, False)

    # --- text --------------------------------------------------------------------------------------------------------

    def range(self, cursor):
        return cursor.extent.start.offset, cursor.extent.end.offset

    def text(self, begin, end):
        return self.bytes[begin:end].decode()

    def add(self, kind, cursor, to, operator=()):
        begin, end = self.range(cursor)
        if any(first <= begin and end <= last for first, last in self.macros):
            self.in_macros += 1
            return
        was = ' '.join(self.text(begin, end).split())
        self.sites.append(Site(kind, begin, end, cursor.extent.start.line, operator, f'{was} → {to}'))

    # --- the tree ----------------------------------------------------------------------------------------------------

    def visit(self, cursor, constant):
        constant = constant or self.begins_constant(cursor)
        handler = getattr(self, f'at_{cursor.kind.name.lower()}', None)
        if handler:
            before = len(self.sites)
            handler(cursor)
            if constant:
                self.constant += len(self.sites) - before
                del self.sites[before:]
        for child in cursor.get_children():
            self.visit(child, constant)

    def begins_constant(self, cursor):
        if cursor.kind in CONSTANT:
            return True
        if cursor.kind in FUNCTIONS or cursor.kind == Kind.VAR_DECL:
            begin, end = self.range(cursor)
            head = re.split(r'[{=]', self.text(begin, end), maxsplit=1)[0]
            return re.search(r'\b(constexpr|consteval)\b', head) is not None
        return cursor.kind == Kind.IF_STMT and re.match(r'if\s+constexpr', self.text(*self.range(cursor))) is not None

    def between(self, left, right):
        """The operator between two operands, and where it stands; None if these are not next to each other."""
        begin, end = left.extent.end.offset, right.extent.start.offset
        match = re.fullmatch(rb'(?:\s|//[^\n]*\n)*(\S+)(?:\s|//[^\n]*\n)*', self.bytes[begin:end]) if begin <= end else None
        return (match[1].decode(), (begin + match.start(1), begin + match.end(1))) if match else (None, None)

    def operands(self, cursor):
        if cursor.kind == Kind.BINARY_OPERATOR:
            return list(cursor.get_children())
        return [a for a in cursor.get_arguments() if a is not None] if cursor.spelling.startswith('operator') else []

    def operator(self, cursor):
        """Of `a op b`: its operands, op and where that stands."""
        operands = self.operands(cursor)
        if len(operands) != 2:
            return None
        name, where = self.between(*operands)
        return (operands, name, where) if name else None

    def at_binary_operator(self, cursor):
        parts = self.operator(cursor)
        if parts is None:
            return
        operands, name, where = parts
        if name in COMPARISONS:
            self.comparison(cursor, operands, name, where)
        elif name in ('&&', '||'):
            for operand in operands:
                if not self.is_chain(operand, name):
                    self.add('removed', operand, f'(not there; {name})', (name,))

    def comparison(self, cursor, operands, name, where):
        self.add('inverted', cursor, 'not that')
        if name in BOUNDARY:
            left, right = (self.text(*self.range(operand)) for operand in operands)
            self.add('boundary', cursor, f'{left} {OTHER_SIDE[name]} {right}', (name, where))

    def is_chain(self, cursor, name):
        """Whether it is an operand that has the same operator, whose own operands are mutated."""
        cursor = self.inside(cursor)
        parts = self.operator(cursor) if cursor.kind == Kind.BINARY_OPERATOR else None
        return parts is not None and parts[1] == name

    def inside(self, cursor):
        """Without what is not written."""
        while cursor.kind == Kind.UNEXPOSED_EXPR:
            children = list(cursor.get_children())
            if len(children) != 1 or self.range(children[0]) != self.range(cursor):
                break
            cursor = children[0]
        return cursor

    def at_call_expr(self, cursor):
        parts = self.operator(cursor)
        if parts is not None and parts[1] in COMPARISONS:
            self.comparison(cursor, *parts)
        arguments = list(cursor.get_arguments())
        if cursor.spelling in ('min', 'max') and len(arguments) == 2 and re.match(r'std::', self.text(*self.range(cursor))):
            ranges = [self.range(argument) for argument in arguments]
            if all(begin < end for begin, end in ranges):
                for i, (begin, end) in enumerate(ranges):
                    self.add('bound', cursor, self.text(begin, end), (i, *ranges))

    def condition(self, cursor):
        """A condition that is no comparison and has no operands, which are sites of their own."""
        cursor = self.inside(cursor)
        if not cursor.kind.is_expression() or cursor.extent.start.offset >= cursor.extent.end.offset:
            return
        parts = self.operator(cursor)
        if parts is None or parts[1] not in (*COMPARISONS, '&&', '||'):
            self.add('inverted', cursor, 'not that', ('condition',))

    def first_child(self, cursor):
        children = list(cursor.get_children())
        if children and children[0].kind.is_expression():
            self.condition(children[0])

    at_if_stmt = at_while_stmt = at_conditional_operator = first_child

    def at_var_decl(self, cursor):
        """MutexLock lock(mu_);"""
        if cursor.type.spelling.rpartition('::')[2] != 'MutexLock':
            return
        begin, end = self.range(cursor)
        match = re.fullmatch(rb'(?:\w+::)*MutexLock \w+\((.+)\)', self.bytes[begin:end])
        if match is None:
            self.in_macros += 1
            return
        self.sites.append(Site('unlocked', begin + match.start(1), begin + match.end(1), cursor.extent.start.line, (),
                               f'{self.text(begin, end)} → no lock'))


def find(path, top=TOP):
    finder = Finder(path, top)
    seen, sites = set(), []
    for site in finder.sites:  # a template is visited once; what is not written may be visited twice
        key = (site.kind, site.begin, site.end, site.operator)
        if key not in seen:
            seen.add(key)
            sites.append(site)
    return Found(sites, finder.constant, finder.in_macros, finder.unread)
