// The playground: a small MCP client (revision 2026-07-28, with tasks) and the path of its calls.
// The path is drawn by the server; the live line says when to fetch it again.
import { say } from "./announce.js";
import { fieldsOf } from "./playground-fields.js";

const VERSION = "2026-07-28";
const META = {
  "io.modelcontextprotocol/protocolVersion": VERSION,
  "io.modelcontextprotocol/clientInfo": { name: "atlas-playground", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": { extensions: { "io.modelcontextprotocol/tasks": {} } },
};
const LOOK_AGAIN = 3000, SHOWN = 20000, MOST_EXCHANGES = 12;

const page = document.querySelector("[data-playground]");
const find = (name) => page.querySelector(`[data-${name}]`);
const text = (name) => page.dataset[`text${name}`];
const token = page.dataset.token;
delete page.dataset.token;
const problem = document.querySelector("[data-problem]");
let nextId = 1, tools = new Map(), form = null, busy = false;
let play = null;  // {reference, isTask, ended} of the call that is watched

// -- the protocol --------------------------------------------------------------------------------

async function rpc(method, params, named = "") {
  const message = { jsonrpc: "2.0", id: nextId++, method, params: { ...params, _meta: META } };
  const headers = {
    "Content-Type": "application/json", Accept: "application/json, text/event-stream",
    "MCP-Protocol-Version": VERSION, "Mcp-Method": method, ...(named ? { "Mcp-Name": named } : {}),
  };
  const shown = method === "tools/list" ? null : draw(method, message);
  const begun = performance.now();
  const answer = await fetch("/mcp", {
    method: "POST", credentials: "omit", body: JSON.stringify(message), signal: AbortSignal.timeout(90000),
    headers: { ...headers, Authorization: `Bearer ${token}` },
  });
  const kind = answer.headers.get("Content-Type")?.split(";")[0] ?? "";
  const body = await answer.text();
  const said = parse(kind, body, message.id);
  shown?.(said ?? body, `${answer.status} ${kind}`, performance.now() - begun);
  if (answer.status === 401) throw new Error(text("Ended"));
  if (answer.status === 403 && !said?.error) throw new Error(text("Origin"));
  if (!said) throw new Error(`${answer.status}: ${body.slice(0, 300)}`);
  if (said.error) throw new Error(said.error.message ?? JSON.stringify(said.error));
  return said.result;
}

// JSON, or an event stream whose last message with our id is the answer.
function parse(kind, body, id) {
  try {
    if (kind !== "text/event-stream") return JSON.parse(body);
    const messages = body.split(/\r?\n\r?\n/).map((event) => event.split(/\r?\n/)
      .filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trim()).join("\n"));
    return messages.filter(Boolean).map((data) => JSON.parse(data)).findLast((said) => said.id === id);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function draw(method, message) {
  const wire = find("wire");
  if (!wire.querySelector(".exchange")) wire.replaceChildren();
  const made = find("exchange").content.cloneNode(true).firstElementChild;
  const put = (name, value) => { made.querySelector(`[data-${name}]`).textContent = value; };
  put("method", method);
  put("request", JSON.stringify(message, null, 2));
  put("answer", text("Held"));
  for (const older of wire.children) older.open = false;
  wire.prepend(made);
  while (wire.children.length > MOST_EXCHANGES) wire.lastElementChild.remove();
  return (said, kind, took) => {
    put("answer", (typeof said === "string" ? said : JSON.stringify(said, null, 2)).slice(0, SHOWN));
    put("kind", kind);
    put("took", `${Math.round(took).toLocaleString(document.documentElement.lang)} ms`);
  };
}

// -- choosing ------------------------------------------------------------------------------------

async function listTools() {
  let cursor, left = 10;
  do {
    const page = await rpc("tools/list", cursor ? { cursor } : {});
    for (const tool of page.tools) {
      if (tool.inputSchema?.properties?.governance_reason) tools.set(tool.name, tool);  // the gateway's own have none
    }
    cursor = page.nextCursor;
  } while (cursor && --left);
  const select = find("tools");
  select.replaceChildren(...[...tools.values()].map((tool) => new Option(tool.name, tool.name)));
  if (!tools.size) throw new Error(text("Empty"));
  select.disabled = find("send").disabled = false;
  const examples = [...page.querySelectorAll("[data-example]")];
  for (const example of examples) example.hidden = !tools.has(example.dataset.tool);
  const first = examples.find((example) => !example.hidden);
  if (first) take(first); else choose(select.value, {});
}

function take(example) {
  choose(example.dataset.tool, JSON.parse(example.dataset.arguments));
  for (const other of page.querySelectorAll("[data-example]")) other.setAttribute("aria-pressed", other === example);
}

function choose(name, values) {
  const tool = tools.get(name);
  find("tools").value = name;
  find("description").textContent = (tool.description ?? "").slice(0, 600);
  form = fieldsOf(tool.inputSchema, values, text("Required"), text("None"));
  find("fields").replaceChildren(...form.elements);
  find("json").value = JSON.stringify(values, null, 2);
  find("invalid").hidden = true;
}

function typed() {
  try {
    const value = JSON.parse(find("json").value);
    return value && typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

// -- calling and watching ------------------------------------------------------------------------

async function call(name, values) {
  play = { reference: "", isTask: false, ended: false };
  busy = find("send").disabled = true;
  const note = document.createElement("p");
  note.className = "soft";
  note.textContent = `${text("Sent")} · ${text("Held")}`;
  find("path").replaceChildren(note);
  try {
    const result = await rpc("tools/call", { name, arguments: values }, name);
    play.isTask = result.resultType === "task";
    play.reference = play.isTask ? result.taskId
      : result._meta?.["atlas/reference"] ?? result.structuredContent?.reference ?? play.reference;
    if (play.reference) await look(play.reference);
    else note.textContent = result.content?.find((block) => block.type === "text")?.text ?? "";
  } finally {
    busy = find("send").disabled = false;
  }
}

async function look(reference) {
  if (!play || play.ended || (play.reference && play.reference !== reference)) return;
  const answer = await fetch(page.dataset.stepsUrl.replace("REFERENCE", encodeURIComponent(reference)));
  if (answer.redirected) return location.reload();  // logged out meanwhile
  if (answer.status !== 200) return;
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text();
  const steps = holder.content.querySelector("[data-steps]");
  play.reference ||= reference;
  if (find("path").querySelector("[data-steps]")?.outerHTML !== steps.outerHTML) {
    find("path").replaceChildren(holder.content);
    document.dispatchEvent(new Event("atlas:swapped"));
    const reached = [...find("path").querySelectorAll(".path-step:not(.path-ahead) .path-label")].at(-1)?.textContent ?? "";
    if (reached !== play.said) say(play.said = reached);
  }
  if (!("ended" in steps.dataset) || play.ended) return;
  play.ended = !busy || play.isTask;
  if (play.isTask) await rpc("tasks/get", { taskId: reference }, reference);  // the agent's own end of it
}

function told(error) {
  if (error.name === "AbortError") return;
  const isNetwork = error instanceof TypeError || error.name === "TimeoutError";
  problem.querySelector("p").textContent = isNetwork ? text("Network") : error.message;
  problem.hidden = false;
  say(problem.textContent);
}

const again = (reference) => reference && look(reference).catch(told);

find("tools").addEventListener("change", (event) => choose(event.target.value, {}));
find("fields").addEventListener("input", () => { find("json").value = JSON.stringify(form.values(), null, 2); });
find("json").addEventListener("change", () => { const values = typed(); if (values) choose(find("tools").value, values); });
page.addEventListener("click", (event) => {
  const example = event.target.closest("[data-example]");
  if (example) take(example);
});
find("call").addEventListener("submit", (event) => {
  event.preventDefault();
  const values = typed();
  find("invalid").hidden = Boolean(values);
  find("invalid").textContent = values ? "" : text("Json");
  if (!values || busy) return;
  problem.hidden = true;
  call(find("tools").value, values).catch(told);
});
// Until the answer names the call, any change may be of it; the server shows this person's own calls alone.
document.addEventListener("atlas:changed", (event) => { if (play && !play.ended) again(event.detail.reference); });
document.addEventListener("atlas:connected", () => again(play?.reference));
setInterval(() => { if (!document.documentElement.dataset.live) again(play?.reference); }, LOOK_AGAIN);

// Leaving ends the token; a page that comes back from the browser's memory must begin anew. Said when the browser is
// about to leave, since what is sent once it has left is sometimes lost, and again then, where the first is not told.
let said = false;
function leave() {
  if (said) return;
  said = true;
  const body = new URLSearchParams({ token: page.dataset.tokenId, csrfmiddlewaretoken: document.querySelector("[data-csrf]").dataset.csrf });
  fetch(page.dataset.endUrl, { method: "POST", body, keepalive: true }).catch(() => {});
}
addEventListener("beforeunload", leave);
addEventListener("pagehide", leave);
addEventListener("pageshow", (event) => { if (event.persisted) location.replace("/playground/"); });

listTools().catch(told);
