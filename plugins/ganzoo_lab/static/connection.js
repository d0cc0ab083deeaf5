// The WebSocket to the lab.

export const brokenConnection = "The lab has ended, or cannot be reached. Start it again with `ganzoo lab`.";

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
