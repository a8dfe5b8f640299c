// What a page does with the module that the service serves; Chromium runs it on a page of the API.
async () => {
  const { Client } = await import("/client.js");
  const client = new Client(location.origin);
  const lines = ["carrier,delay", ...Array.from({ length: 400_000 }, (_, line) => `AA,${line % 60}`)];
  const source = new File([lines.join("\n")], "flights.csv", { type: "text/csv" });
  const loaded = [];
  const handle = await client.submit(
    "report",
    { group_by: ["carrier"], metrics: ["count"] },
    { files: { source }, onUpload: (upload) => loaded.push(upload.loaded) },
  );
  const states = [];
  for await (const job of handle.updates()) states.push(job);
  const later = await client.submit("fetch", { url: `${location.origin}/health` }, { runAt: new Date(Date.now() + 4_000) });
  for await (const job of later.updates()) states.push(job);
  const [artifact] = await handle.artifacts();
  return {
    loaded,
    size: source.size,
    states,
    result: await handle.result(),
    csv: await (await artifact.download()).text(),
    refusal: await client.submit("reprot").catch((error) => [error.name, error.problem.type]),
  };
};
