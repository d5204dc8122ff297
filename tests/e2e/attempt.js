// One try of an action on a store by one part, with a token: its status, or 403 for a socket that is refused.
async ([part, action, token, store]) => {
  const json = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const key = `${store}/tried`;
  const none = { _tag: "None" };
  const event = { name: "v1.Tried", args: {}, seqNum: 1e6, parentSeqNum: 1e6 - 1, clientId: "c", sessionId: "s" };
  const writes = action === "write" || action === "delete"; // a deletion is an event, too
  const payload = writes
    ? { storeId: store, batch: [event], backendId: none }
    : { storeId: store, live: false, cursor: none };
  const request = (name) => ({ _tag: "Request", id: "0", tag: `${name}.${writes ? "Push" : "Pull"}`, payload, headers: [] });
  const query = (transport) => `/sync?${new URLSearchParams({
    storeId: store, transport, payload: encodeURIComponent(JSON.stringify({ authToken: token })),
  })}`;

  if (part === "signer") {
    const call = { read: "sign/download", list: "head", write: "sign/upload", delete: "delete" }[action];
    return (await fetch(`/api/v1/${call}`, { method: "POST", headers: json, body: JSON.stringify({ key }) })).status;
  }
  if (part === "data plane") {
    const method = { read: "GET", list: "HEAD", write: "PUT", delete: "DELETE" }[action];
    const url = `/livestore-filesync-files/${key}`;
    if (action === "read" || action === "list") await fetch(url, { method: "PUT", headers: json, body: "x" });
    return (await fetch(url, { method, headers: json, body: method === "PUT" ? "x" : undefined })).status;
  }
  if (part === "sync by HTTP") {
    const answer = await fetch(query("http"), { method: "POST", headers: json, body: JSON.stringify(request("SyncHttpRpc")) });
    return answer.status;
  }
  return await new Promise((resolve) => {
    const socket = new WebSocket(new URL(query("ws"), location.href.replace("http", "ws")));
    socket.onopen = () => socket.send(JSON.stringify(request("SyncWsRpc")));
    socket.onmessage = () => { resolve(200); socket.close(); };
    socket.onclose = () => resolve(403);
  });
}
