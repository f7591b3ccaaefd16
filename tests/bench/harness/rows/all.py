"""Every row, in the order of the table."""

from harness.rows import (collapsed, eviction, fanout, herd, hit, instructions, latency, library, many, memory,
                          relay, scaling, seen, start, streaming, tls_handshakes, tls_hit, tls_memory, tls_relay)

MODULES = [hit, collapsed, relay, instructions, latency, herd, fanout, streaming, many, scaling, memory, tls_hit,
           tls_relay, tls_handshakes, tls_memory, seen, eviction, library, start]
ROWS = {module.ROW.name: module.ROW for module in MODULES}
