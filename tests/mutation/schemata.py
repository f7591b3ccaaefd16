"""Puts all mutants of a file into it, each by its number (mutant.h).

What is put in stands around what is there, so that sites may stand in one another: nothing is written twice.
"""

from sites import BOUNDARY

INCLUDE = '#include "tests/mutation/mutant.h"\n'


def around(site, number, text):
    """What stands before and behind it, and replacements within it."""
    on = f'::sf_mutant::On({number}u)'
    if site.kind == 'inverted':
        inner = 'static_cast<bool>(' if site.operator else '('
        return f'({inner}', f') != {on})', []
    if site.kind == 'removed':
        return ('(', f' || {on})', []) if site.operator[0] == '&&' else ('(', f' && !{on})', [])
    if site.kind == 'boundary':
        name, where = site.operator
        return f'::sf_mutant::{BOUNDARY[name]}({number}u, ', ')', [(*where, ',')]
    if site.kind == 'bound':
        _, first, second = site.operator
        return f'::sf_mutant::Bound({number}u, {number + 1}u, ', f', {text(first)}, {text(second)})', []
    if site.kind == 'unlocked':
        return f'::sf_mutant::Locked({number}u, ', ')', []
    raise ValueError(site.kind)


def instrumented(source, sites, first):
    """The file with its mutants, numbered from `first` in the order of `sites`."""
    text = lambda where: source[where[0]:where[1]].decode('latin-1')
    begins, ends, replaced = {}, {}, []
    for order, site in enumerate(sites):
        if site.kind == 'bound' and site.operator[0] == 1:
            continue  # comes with the first
        # The outermost is begun first and ended last. Of two at one place, the boundary is inside of the inversion, and
        # both are inside of an operand.
        rank = {'removed': 0, 'inverted': 1, 'bound': 2, 'boundary': 3, 'unlocked': 4}[site.kind]
        before, behind, replacements = around(site, first + order, text)
        begins.setdefault(site.begin, []).append(((-site.end, rank), before))
        ends.setdefault(site.end, []).append(((-site.begin, -rank), behind))
        replaced += replacements
    out, at = [], 0
    skip = {begin: (end, to) for begin, end, to in replaced}
    while at <= len(source):
        out += [behind for _, behind in sorted(ends.get(at, []))]
        out += [before for _, before in sorted(begins.get(at, []))]
        if at in skip:
            at, to = skip[at]
            out.append(to)
            continue
        out.append(source[at:at + 1].decode('latin-1'))
        at += 1
    return INCLUDE.encode() + ''.join(out).encode('latin-1')
