// Lists the tools and calls one with the TypeScript SDK, over Streamable HTTP and over SSE.
// node client.mjs URL TOKEN → one line of JSON per transport.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [url, token] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${token}` };
const transports = {
  http: () => new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } }),
  sse: () =>
    new SSEClientTransport(new URL(`${url}/mcp/sse`), {
      requestInit: { headers },
      eventSourceInit: { fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers } }) },
    }),
};

for (const [name, open] of Object.entries(transports)) {
  const client = new Client({ name: "typescript", version: "1" });
  await client.connect(open());
  const { tools } = await client.listTools();
  const result = await client.callTool({
    name: "check_payment_status",
    arguments: { beneficiary_id: "BEN-123", governance_reason: "The user asked." },
  });
  console.log(JSON.stringify({ transport: name, tools: tools.map((tool) => tool.name), result }));
  await client.close();
}
