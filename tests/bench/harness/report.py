"""The table, on the terminal and filed: text, Markdown, and JSON with every round."""

import json
import os
import statistics

from harness.figures import number

COLUMNS = ['row', 'what', 'median', 'spread', 'ours', 'peer', 'target', 'verdict']


def _with_unit(text, unit):
    return f'{text} {unit}'.rstrip()


def _absolute(values, unit):
    return _with_unit(number(statistics.median(values)), unit) if values else ''


def cells(figure):
    """One line of the table, by column."""
    target = figure.target.text(figure.unit) if figure.target else '–'
    if figure.missing:
        return [figure.row, figure.what, '', '', '', '', target, figure.verdict]
    return [figure.row, figure.what, _with_unit(number(figure.median), figure.unit),
            f'{number(min(figure.values))}–{number(max(figure.values))}',
            _absolute(figure.ours, figure.absolute), _absolute(figure.peers, figure.absolute), target, figure.verdict]


def text_table(figures):
    rows = [COLUMNS, *map(cells, figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    return '\n'.join('  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def markdown_table(figures):
    lines = [COLUMNS, ['---'] * len(COLUMNS), *map(cells, figures)]
    return '\n'.join('| ' + ' | '.join(cell.replace('|', '\\|') for cell in line) + ' |' for line in lines)


def as_json(facts, figures, failures):
    return json.dumps({
        'machine': facts,
        'figures': [{
            'row': figure.row, 'what': figure.what, 'unit': figure.unit,
            'target': figure.target.text(figure.unit) if figure.target else None,
            'verdict': figure.verdict,
            'median': figure.median if figure.values else None,
            'rounds': figure.values,
            'ours': figure.ours, 'peer': figure.peers, 'unit of ours and peer': figure.absolute,
        } for figure in figures],
        'failures': failures,
    }, indent=1, ensure_ascii=False) + '\n'


def markdown(title, facts, figures, failures):
    lines = [f'# {title}', '', *(f'- {name}: {value}' for name, value in facts.items()), '',
             'A figure is the median of the rounds, with its spread; a multiple (×) is the median of ratios paired '
             'by round. `ours` and `peer` are medians of their own.', '', markdown_table(figures)]
    if failures:
        lines += ['', *(f'- not measured: {name}: {why}' for name, why in failures.items())]
    return '\n'.join(lines) + '\n'


def file_results(folder, name, facts, figures, failures):
    """Writes NAME.md and NAME.json; their paths."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name)
    documents = {
        f'{path}.md': markdown(name, facts, figures, failures),
        f'{path}.json': as_json(facts, figures, failures),
    }
    for path, content in documents.items():
        with open(path, 'w', encoding='utf-8') as out:
            out.write(content)
    return list(documents)
