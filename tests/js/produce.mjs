// Produces events with Microsoft's client: node produce.mjs <connection string> <file>
//
// The file holds a JSON array of batches: {"partitionId"?, "partitionKey"?, "bodies": [base64]}.
import { readFileSync } from "node:fs";
import { EventHubProducerClient } from "@azure/event-hubs";

const [connectionString, file] = process.argv.slice(2);
const producer = new EventHubProducerClient(connectionString);
let sent = 0;
for (const { bodies, ...options } of JSON.parse(readFileSync(file, "utf8"))) {
  const batch = await producer.createBatch(options);
  for (const body of bodies) {
    if (!batch.tryAdd({ body: Buffer.from(body, "base64"), contentType: "application/json" })) {
      throw new Error("the batch is full");
    }
    sent += 1;
  }
  await producer.sendBatch(batch);
}
await producer.close();
console.log(JSON.stringify({ sent }));
process.exit(0);
