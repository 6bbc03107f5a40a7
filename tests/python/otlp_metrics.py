"""Reads export requests with metrics with the official types of OTLP, and says what is in them.

Takes on standard input a JSON array of requests in base64. Prints a JSON array: per request the
message, and whether this library would write the same bytes.
"""

import base64
import json
import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as service


def read(text):
    binary = base64.b64decode(text)
    request = service.ExportMetricsServiceRequest.FromString(binary)
    return {
        "request": json_format.MessageToDict(request),
        "isCanonical": request.SerializeToString(deterministic=True) == binary,
    }


print(json.dumps([read(text) for text in json.load(sys.stdin)]))
