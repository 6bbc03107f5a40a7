// Produces and consumes with the JavaScript client.
// node roundtrip.mjs <connection string with EntityPath>; needs @azure/event-hubs 6.
import { EventHubConsumerClient, EventHubProducerClient, earliestEventPosition } from "@azure/event-hubs";

const [connectionString] = process.argv.slice(2);
const result = { ok: false };
const producer = new EventHubProducerClient(connectionString);
const consumer = new EventHubConsumerClient("$Default", connectionString);
const limit = setTimeout(() => {
  console.log(JSON.stringify({ ...result, error: "timed out" }));
  process.exit(1);
}, 30_000);
try {
  const hub = await producer.getEventHubProperties();
  result.hub = { name: hub.name, partitions: hub.partitionIds.length, createdOn: hub.createdOn };
  const before = await producer.getPartitionProperties("0");
  await producer.sendBatch([{ body: "to zero", properties: { n: 1 } }], { partitionId: "0" });
  await producer.sendBatch([{ body: { a: 1 } }, { body: "second" }], { partitionKey: "key" });
  const batch = await producer.createBatch({ partitionId: "0" });
  for (let n = 0; n < 50; n += 1) batch.tryAdd({ body: `b${n}`, messageId: n });
  await producer.sendBatch(batch);
  const after = await producer.getPartitionProperties("0");
  result.partition = after;
  const got = [];
  await new Promise((resolve, reject) => {
    const subscription = consumer.subscribe(
      {
        processEvents: async (events) => {
          got.push(...events);
          if (got.length >= 53) { await subscription.close(); resolve(); }
        },
        processError: async (error) => reject(error),
      },
      { startPosition: earliestEventPosition, maxBatchSize: 100, maxWaitTimeInSeconds: 1 },
    );
  });
  result.received = got.length;
  result.keyed = got.filter((event) => event.partitionKey === "key").length;
  result.first = got.find((event) => event.body === "to zero")?.properties;
  result.offsets = got.every((event) => event.offset !== String(event.sequenceNumber));
  result.ok = got.length === 53 && result.keyed === 2 && result.first?.n === 1 && result.offsets
    && after.lastEnqueuedSequenceNumber >= before.lastEnqueuedSequenceNumber + 51;
} catch (error) {
  result.error = `${error.code ?? error.name}: ${error.message}`;
}
await consumer.close();
await producer.close();
clearTimeout(limit);
console.log(JSON.stringify(result));
process.exit(result.ok ? 0 : 1);
