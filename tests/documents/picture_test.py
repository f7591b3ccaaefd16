"""docs/herd.svg is what docs/herd.gv makes, by the command that stands in its head. Exit status 77: no graphviz here."""

import re
import shlex
import shutil
import subprocess
import sys
import unittest
import xml.etree.ElementTree

from pages import TOP, read

NOT_HERE = 77
SOURCE, PICTURE = 'docs/herd.gv', 'docs/herd.svg'
NUMBER = re.compile(r'-?\d+(?:\.\d+)?')


def shapes(svg):
    """Each element as (tag, attributes without numbers, numbers, text)."""
    for element in xml.etree.ElementTree.fromstring(svg).iter():
        attributes = ' '.join(f'{name}={value}' for name, value in sorted(element.attrib.items()))
        yield (element.tag, NUMBER.sub('#', attributes), [float(number) for number in NUMBER.findall(attributes)],
               (element.text or '').strip())


def luminance(colour):
    channels = [int(colour[i:i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear))


class Picture(unittest.TestCase):
    def test_it_is_made_from_its_source(self):
        command = shlex.split(re.search(r'^//   (neato .*)$', read(SOURCE), re.M)[1])
        self.assertEqual(command[-3:], [SOURCE, '-o', PICTURE])
        made = subprocess.run(command[:-2], cwd=TOP, capture_output=True, text=True, check=True).stdout
        for drawn, committed in zip(shapes(made), shapes(read(PICTURE)), strict=True):
            self.assertEqual(drawn[:2] + drawn[3:], committed[:2] + committed[3:])
            for here, there in zip(drawn[2], committed[2], strict=True):
                self.assertAlmostEqual(here, there, delta=2, msg=drawn)  # fonts differ

    def test_it_has_no_background(self):
        self.assertNotIn('<polygon', read(PICTURE).partition('<g id="edge1"')[0])

    def test_its_colours_stand_out_from_white_and_from_black(self):
        colours = set(re.findall(r'#([0-9a-f]{6})', read(PICTURE)))
        self.assertGreaterEqual(len(colours), 5)
        for colour in colours:
            light = luminance(colour) + 0.05  # contrast as in WCAG 2, 1.4.11
            self.assertGreater(min(1.05 / light, light / 0.05), 2.8, colour)

    def test_the_first_page_shows_it(self):
        self.assertRegex(read('README.md'), rf'!\[[^]]{{40,}}\]\({re.escape(PICTURE)}\)')


if __name__ == '__main__':
    if not shutil.which('neato'):
        print('no graphviz here')
        sys.exit(NOT_HERE)
    unittest.main()
