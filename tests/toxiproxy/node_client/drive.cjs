// Drives the Toxiproxy server at HOST:PORT through toxiproxy-node-client as its documentation says, with traffic of
// its own, and prints what it saw as one line of JSON. It judges nothing; the test that started it does.
"use strict";

const net = require("node:net");
const { Toxiproxy } = require("toxiproxy-node-client");

const NAME = `node-${process.pid}`;
const LATENCY_MS = 120;
const TOXICS = [
  ["bandwidth", { rate: 1000 }, "downstream"],
  ["slicer", { average_size: 1, size_variation: 0, delay: 1 }, "upstream"],
  ["slow_close", { delay: 1 }, "downstream"],
  ["limit_data", { bytes: 0 }, "downstream"],
  ["timeout", { timeout: 20 }, "upstream"],
  ["reset_peer", { timeout: 0 }, "upstream"],
];

/** An upstream that sends back what it gets. */
function echo() {
  return new Promise((resolve) => {
    const server = net.createServer((socket) => socket.on("error", () => {}).pipe(socket));
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

/** What a new connection to `listen` meets when it sends one byte: "echo", "closed" or the system's error code. */
function meets(listen) {
  const [host, port] = listen.split(":");
  return new Promise((resolve) => {
    const socket = net.connect(Number(port), host, () => socket.write("x"));
    const met = (what) => {
      resolve(what);
      socket.destroy();
    };
    socket.on("data", () => met("echo")).on("end", () => met("closed")).on("error", (error) => met(error.code));
  });
}

/** The message of the error that `promise` fails with. */
async function refused(promise) {
  return promise.then(() => "no error", (error) => error.message);
}

async function latency(proxy) {
  const toxic = await proxy.addToxic({ type: "latency", attributes: { latency: LATENCY_MS, jitter: 0 } });
  const started = process.hrtime.bigint();
  const met = await meets(proxy.listen);
  const tookMs = Number(process.hrtime.bigint() - started) / 1e6;
  const made = toxic.toJson();
  const changed = (await toxic.update({ attributes: { latency: 1 }, toxicity: 0.5 })).toJson();
  const read = (await proxy.getToxic(toxic.name)).toJson();
  const twice = await refused(proxy.addToxic({ type: "latency", attributes: {} }));
  await toxic.remove();
  return { met, tookMs, made, changed, read, twice, gone: await refused(proxy.getToxic(toxic.name)) };
}

/** What each other toxic does to a connection of its own. */
async function toxics(proxy) {
  const seen = {};
  for (const [type, attributes, stream] of TOXICS) {
    const toxic = await proxy.addToxic({ name: `the-${type}`, type, attributes, stream, toxicity: 1 });
    seen[toxic.name] = [toxic.stream, toxic.toxicity, toxic.attributes, await meets(proxy.listen)];
    await toxic.remove();
  }
  return seen;
}

async function drive(endpoint, upstream) {
  const server = new Toxiproxy(`http://${endpoint}`);
  const proxy = await server.createProxy({ name: NAME, listen: "127.0.0.1:0", upstream });
  const saw = { version: typeof JSON.parse(await server.getVersion()).version, echoed: await meets(proxy.listen) };
  saw.twice = await refused(server.createProxy({ name: NAME, listen: "127.0.0.1:0", upstream }));
  saw.unknownToxic = await refused(proxy.addToxic({ type: "nope", attributes: {} }));
  saw.latency = await latency(proxy);
  saw.toxics = await toxics(proxy);
  saw.disabled = [(await proxy.update({ ...proxy.toJson(), enabled: false })).enabled, await meets(proxy.listen)];
  await proxy.addToxic({ type: "timeout", attributes: { timeout: 0 } });
  await server.reset();
  saw.afterReset = [(await server.get(NAME)).enabled, await meets(proxy.listen)];
  const other = { name: `${NAME}-2`, listen: "127.0.0.1:0", upstream, enabled: true };
  const populated = await server.populate([proxy.toJson(), other]);
  saw.populated = Object.values(populated).map((made) => made.name.replace(NAME, "node"));
  const all = await server.getAll();
  saw.listed = [NAME, other.name].every((name) => name in all);
  for (const made of Object.values(populated)) await made.remove();
  saw.removed = [await refused(server.get(NAME)), NAME in (await server.getAll()), await meets(proxy.listen)];
  return saw;
}

echo().then(async (upstream) => {
  const saw = await drive(process.argv[2], `127.0.0.1:${upstream.address().port}`);
  process.stdout.write(`${JSON.stringify(saw)}\n`, () => process.exit(0));
});
