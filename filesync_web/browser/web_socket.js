// A WebSocket with text frames, for a reader that asks for one frame at a time:
// {opened: a promise of "" or why not, receive(): a promise of a text or null, send(text): whether it was sent, close()}.
/* exported openSocket */

function openSocket(url) {
  let socket;
  try {
    socket = new WebSocket(url);
  } catch (error) {
    return { opened: Promise.resolve(`the URL is not one of a WebSocket (${error.name})`) };
  }
  const frames = [];
  let isOpen = true;
  let wanted = null; // the reader that waits
  const deliver = () => {
    if (wanted && (frames.length || !isOpen)) {
      wanted(frames.length ? frames.shift() : null);
      wanted = null;
    }
  };
  const opened = new Promise((resolve) => {
    socket.onopen = () => resolve("");
    socket.onclose = (event) => {
      resolve(`no connection (code ${event.code})`);
      isOpen = false;
      deliver();
    };
  });
  socket.onmessage = (event) => {
    if (typeof event.data === "string") frames.push(event.data);
    deliver();
  };
  return {
    opened,
    receive: () => new Promise((resolve) => {
      wanted = resolve;
      deliver();
    }),
    send(text) {
      const ready = socket.readyState === WebSocket.OPEN;
      if (ready) socket.send(text);
      return ready;
    },
    close() {
      isOpen = false;
      socket.close();
      deliver();
    },
  };
}
