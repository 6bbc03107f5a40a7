// Reads events with Microsoft's client: node consume.mjs <connection string> <group> <count>
//
// Prints each event as a line of JSON, with its body in base64, and ends after `count` of them.
import { EventHubConsumerClient, earliestEventPosition } from "@azure/event-hubs";

const [connectionString, group, count] = process.argv.slice(2);
const consumer = new EventHubConsumerClient(group, connectionString);
const events = [];
const errors = [];
const seen = new Set();
// The client's transport now and then writes to a socket that it has ended, throws that where
// nobody can catch it, connects again, and reads some events again.
process.on("uncaughtException", (error) => {
  if (error.code !== "ERR_STREAM_WRITE_AFTER_END") throw error;
  errors.push(error.message);
});
const patience = setTimeout(() => {
  console.error(`${events.length} of ${count} events; ${errors.join("; ")}`);
  process.exit(1);
}, 60_000);
await new Promise((resolve) => {
  consumer.subscribe(
    {
      processEvents: async (received, { partitionId }) => {
        for (const { body, sequenceNumber, offset, partitionKey } of received) {
          const place = `${partitionId}/${sequenceNumber}`;
          if (seen.has(place)) continue;
          seen.add(place);
          const base64 = Buffer.from(body).toString("base64");
          events.push({ partitionId, sequenceNumber, offset, partitionKey, body: base64 });
        }
        if (events.length >= Number(count)) resolve();
      },
      // It says an error here, and goes on by itself.
      processError: async (error) => void errors.push(error.message),
    },
    {
      startPosition: earliestEventPosition,
      maxBatchSize: 50,
      maxWaitTimeInSeconds: 1,
      skipParsingBodyAsJson: true,
    },
  );
});
clearTimeout(patience);
const lines = events.map((event) => `${JSON.stringify(event)}\n`).join("");
// An exit does not wait for a pipe.
await new Promise((written) => process.stdout.write(lines, written));
// Without closing: the client now and then throws "write after end" when it closes.
process.exit(0);
