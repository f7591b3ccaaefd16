"""Metadata in both directions: order, duplicates, -bin, sizes, status details."""

import unittest

from fixture import KINDS, Collapse, InteropTest, grpc, requests

ODD_BYTES = (b'', b'\0', b'\0\xff\xfe', b',;= \r\n', bytes(range(256)))
METADATA = (
    ('x-plain', 'value'),
    ('x-twice', 'first'),
    ('x-between', 'a, b;c="d" ~!'),
    ('x-twice', 'second'),
    ('x-twice', 'first'),
    ('x-empty', ''),
    ('x_under.score-9', 'yes'),
    *(('x-odd-bin', value) for value in ODD_BYTES),
    ('x-long', 'l' * 3000),
)
CREDENTIALS = (('authorization', 'Bearer eyJhbGciOi'), ('cookie', 'a=1'), ('cookie', 'b=2'))
TRACING = (('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'), ('baggage', 'user=1'),
           ('x-request-id', '77'))


class RelayRoute(InteropTest):
    def test_request_metadata_arrives(self):
        for kind in KINDS:
            seen = []
            self.backend.on(kind, self.finish(kind, lambda context: seen.append(context.invocation_metadata())))
            with self.subTest(kind):
                self.same(lambda caller: caller.call(kind, requests(kind, b'x'),
                                                     metadata=METADATA + CREDENTIALS + TRACING))
                for metadata in seen:
                    for entry in METADATA + CREDENTIALS + TRACING:
                        self.assertIn(entry, metadata)

    def test_initial_and_trailing_metadata_arrive(self):
        def send_both(context):
            context.send_initial_metadata(METADATA)
            context.set_trailing_metadata(tuple(reversed(METADATA)))
        self.assert_metadata_arrives(send_both, METADATA, tuple(reversed(METADATA)))

    def test_metadata_of_a_failed_call_arrives(self):
        def fail(context):
            context.send_initial_metadata((('x-begun', 'yes'),))
            context.set_trailing_metadata(METADATA)
            context.abort(grpc.StatusCode.ABORTED, 'with metadata')
        self.assert_metadata_arrives(fail, (('x-begun', 'yes'),), METADATA, grpc.StatusCode.ABORTED)

    def test_metadata_of_a_reply_that_is_trailers_only_arrives(self):
        def fail(context):
            context.set_trailing_metadata(METADATA)
            context.abort(grpc.StatusCode.NOT_FOUND, 'trailers only')
        self.assert_metadata_arrives(fail, (), METADATA, grpc.StatusCode.NOT_FOUND)

    def test_status_details_arrive_byte_by_byte(self):
        details = (('grpc-status-details-bin', bytes(range(256)) * 4),)

        def fail(context):
            context.set_trailing_metadata(details)
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, 'see the details')
        self.assert_metadata_arrives(fail, (), details, grpc.StatusCode.INVALID_ARGUMENT)

    def assert_metadata_arrives(self, respond, initial, trailing, code=grpc.StatusCode.OK):
        for kind in KINDS:
            self.backend.on(kind, self.finish(kind, respond))
            with self.subTest(kind):
                outcome = self.same(lambda caller: caller.call(kind, requests(kind, b'x')))
                self.assertEqual((outcome.code, outcome.initial, outcome.trailing), (code, initial, trailing))

    @staticmethod
    def finish(kind, respond):
        """A behaviour that lets `respond` do as it likes with the context, then replies once."""
        def unary(_, context):
            respond(context)
            return b'reply'

        def stream(_, context):
            respond(context)
            yield b'reply'
        return unary if kind.endswith('_unary') else stream


class CollapseRoute(Collapse, RelayRoute):
    pass


if __name__ == '__main__':
    unittest.main()
