// A consumer with checkpoints, made of Microsoft's client and its blob store:
// node process.mjs <options as JSON>, which are:
//
//   connectionString, group, container (URL with a signature), owner (its id in ownerships)
//   checkpointEvery   stores a checkpoint after so many events of a partition
//   limit             stops taking events of a partition after so many of it
//   intervalMs, expiryMs, strategy   how partitions are shared
//
// Prints one line of JSON each for the checkpoints that it finds ({"found": [...]}), for every
// event, for every checkpoint that it has stored, and for what went wrong. Closes and ends when
// the line `stop` comes.
import { EventHubConsumerClient, earliestEventPosition, parseEventHubConnectionString } from "@azure/event-hubs";
import { BlobCheckpointStore } from "@azure/eventhubs-checkpointstore-blob";
import { ContainerClient } from "@azure/storage-blob";

const options = JSON.parse(process.argv[2]);
const { connectionString, group } = options;
const store = new BlobCheckpointStore(new ContainerClient(options.container));

const say = (line) => new Promise((written) => process.stdout.write(`${JSON.stringify(line)}\n`, written));
const stop = new Promise((resolve) => {
  process.stdin.on("data", (text) => text.toString().includes("stop") && resolve());
});

const { fullyQualifiedNamespace, eventHubName } = parseEventHubConnectionString(connectionString);
const host = fullyQualifiedNamespace.split(":")[0];
await say({ found: await store.listCheckpoints(host, eventHubName, group) });

const counts = new Map();
async function take(event, context) {
  const { partitionId } = context;
  const { sequenceNumber, offset } = event;
  const body = Buffer.from(event.body).toString("base64");
  await say({ event: { partitionId, sequenceNumber, offset, body } });
  const count = (counts.get(partitionId) ?? 0) + 1;
  counts.set(partitionId, count);
  if (count % options.checkpointEvery === 0) {
    await context.updateCheckpoint(event);
    await say({ stored: { partitionId, sequenceNumber, offset } });
  }
}

const consumer = new EventHubConsumerClient(group, connectionString, store, {
  identifier: options.owner,
  loadBalancingOptions: {
    strategy: options.strategy,
    updateIntervalInMs: options.intervalMs,
    partitionOwnershipExpirationIntervalInMs: options.expiryMs,
  },
});
const subscription = consumer.subscribe(
  {
    processEvents: async (events, context) => {
      for (const event of events) {
        if ((counts.get(context.partitionId) ?? 0) === options.limit) return stop;
        await take(event, context);
      }
    },
    processError: async (error, { partitionId }) =>
      say({ error: { partitionId, code: error.code, message: error.message } }),
  },
  {
    startPosition: earliestEventPosition,
    maxBatchSize: 10,
    maxWaitTimeInSeconds: 1,
    skipParsingBodyAsJson: true,
  },
);
await stop;
await subscription.close();
await consumer.close();
await say({ stopped: true });
process.exit(0);
