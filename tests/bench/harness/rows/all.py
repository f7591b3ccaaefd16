"""Every row, in the order of the table."""

from harness.rows import collapsed, fanout, herd, hit, latency, many, relay, streaming

MODULES = [hit, collapsed, relay, latency, herd, fanout, streaming, many]
ROWS = {module.ROW.name: module.ROW for module in MODULES}
