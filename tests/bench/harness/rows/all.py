"""Every row, in the order of the table."""

from harness.rows import latency, relay

ROWS = {row.name: row for row in [relay.ROW, latency.ROW]}
