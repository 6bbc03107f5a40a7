"""Reads requests and an answer with the official types of OTLP, and says what is in them.

Takes on standard input, as one JSON object, the same records in both encodings and an answer:
`protobuf` and `answer` in base64, `json` as text. Prints one JSON object.
"""

import base64
import json
import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as service

given = json.load(sys.stdin)
binary = base64.b64decode(given["protobuf"])
request = service.ExportLogsServiceRequest.FromString(binary)
# Unknown fields are errors here.
text = json_format.Parse(given["json"], service.ExportLogsServiceRequest())
answer = service.ExportLogsServiceResponse.FromString(base64.b64decode(given["answer"]))
print(
    json.dumps(
        {
            "request": json_format.MessageToDict(request),
            "isSameInJson": text == request,
            # What this library would write itself.
            "isCanonical": request.SerializeToString(deterministic=True) == binary,
            "answer": json_format.MessageToDict(answer),
        }
    )
)
