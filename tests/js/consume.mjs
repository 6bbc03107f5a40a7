// Reads events with Microsoft's client: node consume.mjs <connection string> <group> <count>
//
// Prints each event as a line of JSON, with its body in base64, and ends after `count` of them.
import { EventHubConsumerClient, earliestEventPosition } from "@azure/event-hubs";

const [connectionString, group, count] = process.argv.slice(2);
const consumer = new EventHubConsumerClient(group, connectionString);
const events = [];
let subscription;
await new Promise((resolve, reject) => {
  subscription = consumer.subscribe(
    {
      processEvents: async (received, { partitionId }) => {
        for (const { body, sequenceNumber, offset, partitionKey } of received) {
          const base64 = Buffer.from(body).toString("base64");
          events.push({ partitionId, sequenceNumber, offset, partitionKey, body: base64 });
        }
        if (events.length >= Number(count)) resolve();
      },
      processError: async (error) => reject(error),
    },
    {
      startPosition: earliestEventPosition,
      maxBatchSize: 50,
      maxWaitTimeInSeconds: 1,
      skipParsingBodyAsJson: true,
    },
  );
});
await subscription.close();
await consumer.close();
const lines = events.map((event) => `${JSON.stringify(event)}\n`).join("");
// An exit does not wait for a pipe.
await new Promise((written) => process.stdout.write(lines, written));
process.exit(0);
