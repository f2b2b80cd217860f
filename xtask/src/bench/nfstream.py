"""Every flow of a capture by NFStream, a line each: the work of `collector replay`.

No statistics of packets, bytes with the Ethernet header, one meter, the usual depth of DPI.
"""

import json
import sys

from nfstream import NFStreamer

FIELDS = (
    "protocol", "src_port", "dst_port", "bidirectional_packets", "bidirectional_bytes",
    "application_name", "application_category_name", "application_is_guessed", "user_agent",
    "content_type",
)

if __name__ == "__main__":
    capture, output = sys.argv[1:]
    flows = NFStreamer(
        source=capture, idle_timeout=120, active_timeout=3600, accounting_mode=0, n_meters=1,
        statistical_analysis=False,
    )
    with open(output, "w") as lines:
        for flow in flows:
            lines.write(json.dumps({name: getattr(flow, name) for name in FIELDS}) + "\n")
