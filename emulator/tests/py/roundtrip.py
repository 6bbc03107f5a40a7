"""Produces and consumes with the Python client.

python roundtrip.py <connection string with EntityPath>; needs azure-eventhub 5.15.
"""
import json
import sys

from azure.eventhub import EventData, EventHubConsumerClient, EventHubProducerClient

connection_string = sys.argv[1]
producer = EventHubProducerClient.from_connection_string(connection_string)
hub = producer.get_eventhub_properties()
batch = producer.create_batch(partition_id="0")
for n in range(20):
    batch.add(EventData(f"e{n}"))
producer.send_batch(batch)
batch = producer.create_batch(partition_key="key")
batch.add(EventData("keyed"))
producer.send_batch(batch)
state = producer.get_partition_properties("0")
producer.close()

consumer = EventHubConsumerClient.from_connection_string(connection_string, consumer_group="$Default")
got = []


def receive(context, events):
    got.extend(events)
    if len(got) >= 20:
        consumer.close()


consumer.receive_batch(receive, starting_position="-1", partition_id="0", max_wait_time=1)
ok = len(got) >= 20 and all(event.offset != str(event.sequence_number) for event in got)
print(json.dumps({"ok": ok, "partitions": len(hub["partition_ids"]), "received": len(got), "last": state["last_enqueued_sequence_number"]}))
sys.exit(0 if ok else 1)
