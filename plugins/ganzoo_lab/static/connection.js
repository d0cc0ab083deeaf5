// The WebSocket to the lab.

/** What is shown when the lab has ended, with the command that opens a run again. */
export const brokenConnection = (path) => `The lab has ended, or cannot be reached. To go on, type: ganzoo lab${path ? ` ${path}` : ""}`;

/** Connect and ask for everything; returns a function that sends a message. */
export function connect({ message, lost }) {
  const socket = new WebSocket(`ws://${location.host}/live`);
  socket.addEventListener("open", () => send({ do: "hello" }));
  socket.addEventListener("message", (event) => message(JSON.parse(event.data)));
  socket.addEventListener("close", lost);
  function send(content) {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(content));
  }
  return send;
}
