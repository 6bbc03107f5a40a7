"""A consumer with checkpoints, made of Microsoft's client and its blob store.

Takes the options of tests/js/process.mjs and prints the same lines.
"""

import asyncio
import base64
import json
import os
import sys
import threading
from urllib.parse import urlsplit

from azure.eventhub import LoadBalancingStrategy, TransportType, parse_connection_string
from azure.eventhub.aio import EventHubConsumerClient
from azure.eventhub.extensions.checkpointstoreblobaio import BlobCheckpointStore

options = json.loads(sys.argv[1])
limit = options.get("limit", -1)
counts: dict[str, int] = {}


def say(line):
    print(json.dumps(line), flush=True)


def listen(loop, stop):
    """Ends the process when its standard input does: it never outlives the test."""
    for line in sys.stdin:
        if line.strip() == "stop":
            loop.call_soon_threadsafe(stop.set)
    os._exit(1)


def checkpoint_store():
    container = urlsplit(options["container"])
    account, name = container.path.rsplit("/", 1)
    return BlobCheckpointStore(
        f"{container.scheme}://{container.netloc}{account}",
        name,
        credential=container.query,
    )


async def take(context, event):
    partition = context.partition_id
    position = {
        "partitionId": partition,
        "sequenceNumber": event.sequence_number,
        "offset": event.offset,
    }
    body = base64.b64encode(b"".join(event.body)).decode()
    say({"event": {**position, "body": body}})
    counts[partition] = counts.get(partition, 0) + 1
    if counts[partition] % options["checkpointEvery"] == 0:
        await context.update_checkpoint(event)
        say({"stored": position})


async def main():
    stop = asyncio.Event()
    arguments = (asyncio.get_running_loop(), stop)
    threading.Thread(target=listen, args=arguments, daemon=True).start()

    async def on_events(context, events):
        for event in events:
            if counts.get(context.partition_id, 0) == limit:
                await stop.wait()
                return
            await take(context, event)

    async def on_error(context, error):
        partition = context.partition_id if context else None
        say({"error": {"partitionId": partition, "message": repr(error)}})

    store = checkpoint_store()
    # With a port in its endpoint, this client would take the port into the paths of the blobs,
    # which no other client does: a custom endpoint says where to connect only.
    hub = parse_connection_string(options["connectionString"])
    host, port = hub.fully_qualified_namespace.split(":")
    connection_string = options["connectionString"].replace(f"{host}:{port}", host, 1)
    found = await store.list_checkpoints(host, hub.eventhub_name, options["group"])
    names = {"partition_id": "partitionId", "sequence_number": "sequenceNumber", "offset": "offset"}
    say({"found": [{name: one[key] for key, name in names.items()} for one in found]})

    consumer = EventHubConsumerClient.from_connection_string(
        connection_string,
        options["group"],
        custom_endpoint_address=f"sb://{host}:{port}",
        transport_type=TransportType.Amqp,
        checkpoint_store=store,
        load_balancing_interval=options["intervalMs"] / 1000,
        partition_ownership_expiration_interval=options["expiryMs"] / 1000,
        load_balancing_strategy=LoadBalancingStrategy(options["strategy"]),
    )
    receiving = asyncio.create_task(
        consumer.receive_batch(
            on_events,
            on_error=on_error,
            max_batch_size=10,
            max_wait_time=1,
            starting_position="-1",
        )
    )
    await stop.wait()
    await consumer.close()
    await receiving
    await store.close()
    say({"stopped": True})
    os._exit(0)


asyncio.run(main())
