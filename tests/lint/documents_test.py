"""The rules of documents.py find what they forbid and let pass what they allow."""

import unittest

import documents
from sources import Source


def found(rule, *sources):
    return [line.partition(': ')[0] for line in rule([Source(path, text) for path, text in sources])]


SECTIONS = ('docs/semantics.md', '# Semantics\n\n## §1 The library\n\n## §2 Collapsing\n')
TRAPS = (documents.PITFALLS, '# Traps\n\n- **1** One\n  or so.\n  - `ATest.Is`\n- **2** Two.\n  - not pinned: no\n')
TESTS = ('tests/core/a_test.cc', 'TEST_F(ATest, Is) {}\nTEST(BTest,\n     Is) {}\n')


class Citations(unittest.TestCase):
    def found(self, text, path='server/core/a.h'):
        return found(documents.citations, SECTIONS, TRAPS, (path, text))

    def test_sections_and_traps_that_are_there_pass(self):
        for text in ('// See docs/semantics.md §2.', '// docs/semantics.md §1, §2', '// PITFALLS 1, 2', '// PITFALLS 1 and 2',
                     '// docs/semantics.md\n  // §2', 'RFC 9113 §8.1'):
            with self.subTest(text):
                self.assertEqual(self.found(text), [])
        self.assertEqual(self.found('[semantics.md](semantics.md) §2', 'docs/decisions.md'), [])

    def test_others_are_found(self):
        for text in ('// See docs/semantics.md §3.', '// docs/semantics.md §1, §3', '// SEMANTICS §1', '// SEMANTICS.md §1',
                     '// docs/other.md §1', '// PITFALLS 3', '// PITFALLS 1, 3', '# PITFALLS 1 and 3'):
            with self.subTest(text):
                self.assertEqual(self.found('\n' + text), ['server/core/a.h:2'])

    def test_one_that_is_broken_across_lines_is_found(self):
        self.assertEqual(self.found('// docs/semantics.md\n// §3'), ['server/core/a.h:1'])
        self.assertEqual(self.found('// PITFALLS\n// 3'), ['server/core/a.h:1'])


class Pages(unittest.TestCase):
    def found(self, text):
        page = ('docs/limits.md', '# Limits\n\n## Memory\n\n**A backend that hangs.** It is\n')
        return found(documents.pages, page, ('tests/a.py', text))

    def test_pages_and_headings_that_are_there_pass(self):
        for text in ('# docs/limits.md', '# docs/limits.md, "Memory"', '// (docs/limits.md,\n// "Memory")',
                     '# docs/limits.md, "A backend that hangs"', '# http://x.org/docs/limit.md'):
            with self.subTest(text):
                self.assertEqual(self.found(text), [])

    def test_others_are_found(self):
        for text in ('# docs/limit.md', '# docs/limits.md, "Limit"', '# ARCHITECTURE.md'):
            with self.subTest(text):
                self.assertEqual(self.found('\n' + text), ['tests/a.py:2'])


class Links(unittest.TestCase):
    def found(self, text, path='docs/a.md'):
        other = ('docs/b.md', '# What it is\n\n## `max_age`: 1 s, "why"\n\n## What it is\n')
        return found(documents.links, other, ('README.md', ''), (path, text))

    def test_files_folders_and_headings_that_are_there_pass(self):
        for text in ('[b](b.md)', '[b](../README.md)', '[all](.)', '[b](b.md#what-it-is)', '[b](b.md#max_age-1-s-why)',
                     '[b](b.md#what-it-is-1)', '# Here\n[h](#here)', '[x](https://example.com/none.md)',
                     '```\n[c](code.md)\n```', '<img src="b.md">'):
            with self.subTest(text):
                self.assertEqual(self.found(text), [])

    def test_others_are_found(self):
        for text in ('[c](c.md)', '[b](docs/b.md)', '[b](b.md#what-it-was)', '[b](b.md#what-it-is-2)', '[h](#here)',
                     '<source srcset="herd.svg">'):
            with self.subTest(text):
                self.assertEqual(self.found('\n' + text), ['docs/a.md:2'])


class Files(unittest.TestCase):
    def found(self, text):
        return found(documents.files, ('server/app/app.cc', ''), ('lib/singleflight/group.h', ''), ('docs/a.md', text))

    def test_those_that_are_there_pass_under_their_short_names_too(self):
        for text in ('`server/app/app.cc`', '`app/app.cc`', '`singleflight/group.h`', '`lib/`', '`server/app/`',
                     '`build/release/a.json`', '`tests/<room>/a.cc`', '```\n`server/app.cc`\n```', '`shop.v1.Catalog/Get`'):
            with self.subTest(text):
                self.assertEqual(self.found(text), [])

    def test_others_are_found(self):
        for text in ('`server/app.cc`', '`app/none.h`', '`server/attic/`'):
            with self.subTest(text):
                self.assertEqual(self.found('\n' + text), ['docs/a.md:2'])


class Functions(unittest.TestCase):
    CODE = ('server/proxy/call.cc', 'Call::Call(int a) : a_(a) {}\n'
            'void Call::OnEnd(model::Headers trailing) {\n  if (Whole()) { Land(a ? Ask(b) : c); }\n}\n'
            'int Size() const noexcept override { return 1; }\n'
            'void Hold() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {}\nauto Find(int a) const -> std::string { return {}; }\nint Declared();\n')

    def found(self, name):
        return found(documents.functions, self.CODE, ('ARCHITECTURE.md', f'\n`{name}`'))

    def test_definitions_are_known(self):
        for name in ('OnEnd', 'Call::OnEnd', 'Call', 'Size', 'Hold', 'Find'):
            with self.subTest(name):
                self.assertEqual(self.found(f'proxy/call.cc:{name}'), [])

    def test_calls_declarations_and_files_that_are_gone_are_found(self):
        for name in ('proxy/call.cc:Land', 'proxy/call.cc:Ask', 'proxy/call.cc:Whole', 'proxy/call.cc:Declared',
                     'proxy/call.cc:Relay::OnEnd', 'proxy/gone.cc:OnEnd'):
            with self.subTest(name):
                self.assertEqual(self.found(name), ['ARCHITECTURE.md:2'])


class Pinned(unittest.TestCase):
    def found(self, *lines):
        return found(documents.pinned, TESTS, ('.ci/bare', ''), (documents.PITFALLS, '\n'.join(lines)))

    def test_tests_and_files_that_are_there_and_reasons_pass(self):
        self.assertEqual(found(documents.pinned, TESTS, TRAPS), [])
        self.assertEqual(self.found('- **1** One', '  - `ATest.Is`', '  - `BTest.Is`', '- **2** Two', '  - `.ci/bare`, which runs'), [])

    def test_a_test_that_is_gone_is_found(self):
        for below in ('`ATest.Was`', '`tests/gone_test.py`', 'some test', 'not pinned'):
            with self.subTest(below):
                self.assertEqual(self.found('- **1** One', '  - `ATest.Is`', f'  - {below}'), [f'{documents.PITFALLS}:3'])

    def test_a_trap_without_a_test_is_found(self):
        self.assertEqual(self.found('- **1** One', '- **2** Two', '  - `ATest.Is`'), [f'{documents.PITFALLS}:1'])

    def test_a_number_that_is_missing_or_there_twice_is_found(self):
        self.assertEqual(self.found('- **2** Two', '  - `ATest.Is`'), [f'{documents.PITFALLS}:1'])
        self.assertEqual(self.found(*['- **1** One', '  - `ATest.Is`'] * 2), [f'{documents.PITFALLS}:1'])


if __name__ == '__main__':
    unittest.main()
