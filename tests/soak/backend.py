"""A backend with TLS on gRPC's own server, which compresses its replies with gzip.

backend.py --listen=HOST:PORT --certificate=FILE --private-key=FILE
"""

import argparse
import concurrent.futures
import time

import grpc
import work


def _unary(answer):
    return grpc.unary_unary_rpc_method_handler(answer)


def _answer(seconds):
    def answer(request, _):
        time.sleep(seconds)  # the work that callers share
        return work.reply_to(request)
    return answer


def _down(request, _):
    count = int(request.split(b' ')[0])
    for number in range(count):
        yield work.part_of(request, number)


def _chat(requests, _):
    for request in requests:
        yield work.reply_to(request)


HANDLERS = {
    work.KEPT: _unary(_answer(0)),
    work.SHARED: _unary(_answer(work.SHARED_SECONDS)),
    work.SLOW: _unary(_answer(work.SLOW_SECONDS)),
    work.RELAYED: _unary(_answer(0)),
    work.DOWN: grpc.unary_stream_rpc_method_handler(_down),
    work.UP: grpc.stream_unary_rpc_method_handler(lambda requests, _: work.sum_of(requests)),
    work.CHAT: grpc.stream_stream_rpc_method_handler(_chat),
}


def serve(listen, certificate, private_key):
    with open(certificate, 'rb') as chain, open(private_key, 'rb') as key:
        credentials = grpc.ssl_server_credentials([(key.read(), chain.read())])
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(64), compression=grpc.Compression.Gzip)
    methods = {path.rpartition('/')[2]: handler for path, handler in HANDLERS.items()}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(work.SERVICE, methods)])
    host = listen.rpartition(':')[0]
    port = server.add_secure_port(listen, credentials)
    server.start()
    print(f'backend ready: listening on {host}:{port}', flush=True)
    server.wait_for_termination()


def main():
    parser = argparse.ArgumentParser()
    for name in ('listen', 'certificate', 'private-key'):
        parser.add_argument(f'--{name}', required=True)
    serve(**vars(parser.parse_args()))


if __name__ == '__main__':
    main()
