import unittest

import ready_line


class ReadyLine(unittest.TestCase):
    def test_each_address_is_found_whatever_stands_behind_it(self):
        ready = ready_line.parse('a warning\nsingleflight-proxy ready: listening on 127.0.0.1:1, unix:/a; health on [::1]:2; '
                                 'admin (grpc) on unix:/b.sock; admin (http) on 127.0.0.1:3\n')
        self.assertEqual(ready, (['127.0.0.1:1', 'unix:/a'], '[::1]:2', 'unix:/b.sock', '127.0.0.1:3'))

    def test_what_is_not_served_has_no_address(self):
        self.assertEqual(ready_line.parse('p ready: listening on h:1'), (['h:1'], None, None, None))

    def test_other_output_is_not_ready(self):
        self.assertIsNone(ready_line.parse('bench-responder is getting ready\n'))


if __name__ == '__main__':
    unittest.main()
