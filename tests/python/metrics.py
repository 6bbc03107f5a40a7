"""Reads both text formats with the parsers of Prometheus' own client, and says what is in them.

Takes on standard input one JSON object with `openMetrics` and `classic`. Prints one with the
families of each: name, kind, unit, help, and the samples by name and labels.
"""

import json
import sys

from prometheus_client import parser as classic
from prometheus_client.openmetrics import parser as open_metrics


def families(read, text):
    return [
        {
            "name": family.name,
            "kind": family.type,
            "unit": family.unit,
            "help": family.documentation,
            "samples": [[it.name, it.labels, it.value] for it in family.samples],
        }
        for family in read(text)
    ]


given = json.load(sys.stdin)
print(
    json.dumps(
        {
            "openMetrics": families(
                open_metrics.text_string_to_metric_families, given["openMetrics"]
            ),
            "classic": families(
                classic.text_string_to_metric_families, given["classic"]
            ),
        }
    )
)
