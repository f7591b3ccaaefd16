"""Every row, in the order of the table."""

from harness.rows import (collapsed, eviction, fanout, herd, hit, latency, library, many, memory, relay, scaling,
                          start, streaming)

MODULES = [hit, collapsed, relay, latency, herd, fanout, streaming, many, scaling, memory, eviction, library, start]
ROWS = {module.ROW.name: module.ROW for module in MODULES}
