// The page's side of FileSyncWidget. What was chosen stays here until Python asks for it: where Python runs in this
// browser it gets the `File` itself, which copies nothing; elsewhere it gets the bytes, a piece for each time it asks.

const choices = new Map(); // the chosen files, by the id of the choice

function initialize({ model }) {
  const answer = (message) => respond(model, message).catch((error) => fail(model, message, error));
  model.on("msg:custom", answer);
  return () => model.off("msg:custom", answer);
}

/** Python's questions; one about a choice of another page is for that page to answer. */
async function respond(model, { ask, choice, ...question }) {
  const files = choices.get(choice);
  if (!files) return;
  if (ask === "files") {
    const channel = new BroadcastChannel(question.channel);
    channel.postMessage(files);
    channel.close();
  } else if (ask === "piece") {
    const { position, start, end } = question;
    const bytes = await files[position].slice(start, end).arrayBuffer();
    model.send({ tell: "piece", choice, position, start }, undefined, [new DataView(bytes)]);
  } else if (ask === "forget") {
    choices.delete(choice);
    model.set("seen", choice); // marimo runs what uses the widget again when its page changes something
    model.save_changes();
  }
}

function fail(model, { choice, position, start }, error) {
  model.send({ tell: "failed", choice, position, start, message: String(error.message ?? error) });
}

function choose(model, files) {
  if (!files.length) return;
  const choice = Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");
  choices.set(choice, files);
  const described = files.map(({ name, type, size }) => ({ name, type, size }));
  model.send({ tell: "chosen", choice, files: described });
}

function render({ model, el }) {
  const root = element("div", "filesync");
  const label = element("label", "filesync-choose");
  const words = element("span", "");
  const input = element("input", "");
  const note = element("span", "filesync-note");
  const list = element("ul", "");
  input.type = "file";
  note.role = "status";
  label.append(words, input);
  root.append(label, note, list);
  el.append(root);
  input.addEventListener("change", () => {
    choose(model, [...input.files]);
    input.value = ""; // so that the same file can be chosen again
  });
  const show = () => {
    words.textContent = model.get("label");
    input.accept = model.get("accept");
    input.multiple = model.get("multiple");
    note.textContent = model.get("note");
    list.replaceChildren(...model.get("files").map(row));
  };
  const shown = ["label", "accept", "multiple", "note", "files"].map((name) => `change:${name}`);
  for (const event of shown) model.on(event, show);
  show();
  return () => {
    for (const event of shown) model.off(event, show);
  };
}

function row({ name, detail, fraction, failed }) {
  const item = element("li", failed ? "filesync-failed" : "");
  const title = element("span", "filesync-name", name);
  title.title = name;
  item.append(title, element("span", "filesync-detail", detail));
  if (typeof fraction === "number") { // None arrives as null, or from Pyodide as undefined
    const bar = element("progress", "");
    bar.value = fraction;
    bar.ariaLabel = `${name}: ${detail}`;
    item.append(bar);
  }
  return item;
}

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

export default { initialize, render };
