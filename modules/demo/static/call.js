/* The call page: asks for a token with fetch, shows what is in it, joins with livekit-client. */
"use strict";

const form = document.querySelector("#ask");
const answer = document.querySelector("#answer");
const call = document.querySelector("#call");
const state = document.querySelector("#state");
const trouble = document.querySelector("#trouble");
const join = document.querySelector("#join");
const leave = document.querySelector("#leave");
let current = null;
let room = null;

function show(id, visible) {
  document.querySelector(id).hidden = !visible;
}

function decode(token) {
  const bytes = Uint8Array.from(
    atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")),
    (character) => character.charCodeAt(0),
  );
  const claims = JSON.parse(new TextDecoder().decode(bytes));
  return { ...claims, metadata: JSON.parse(claims.metadata) };
}

async function ask(roomId) {
  const response = await fetch(form.dataset.tokenUrl, {
    method: "POST",
    credentials: "include",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ roomId, sceneId: "demo-scene", eventId: "demo-event" }),
  });
  return { status: response.status, body: await response.json() };
}

function showAnswer({ status, body }) {
  current = status === 200 ? body : null;
  answer.textContent = current ? `200: ${body.expiresAt}` : `${status}: ${body.message}`;
  show("#signed-out", body.reason === "signed_out");
  show("#claims", current !== null);
  show("#call", current !== null);
  document.querySelector("#claims pre").textContent = current ? JSON.stringify(decode(body.token), null, 2) : "";
}

function showState(name) {
  state.textContent = call.dataset[name];
  state.className = name === "connected" ? "badge good" : "badge";
  join.hidden = name !== "disconnected";
  leave.hidden = name === "disconnected";
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  answer.textContent = answer.dataset.asking;
  try {
    showAnswer(await ask(new FormData(form).get("room")));
  } catch {
    showAnswer({ status: 0, body: { message: answer.dataset.unreachable } });
    answer.textContent = answer.dataset.unreachable;
  }
});

join.addEventListener("click", async () => {
  trouble.hidden = true;
  const { ConnectionState, Room, RoomEvent } = globalThis.LivekitClient;
  room = new Room();
  const names = {
    [ConnectionState.Connecting]: "connecting",
    [ConnectionState.Connected]: "connected",
    [ConnectionState.Disconnected]: "disconnected",
  };
  room.on(RoomEvent.ConnectionStateChanged, (now) => showState(names[now] ?? "reconnecting"));
  try {
    await room.connect(current.url, current.token, { maxRetries: 0, peerConnectionTimeout: 10_000 });
  } catch {
    trouble.textContent = call.dataset.unreachable;
    trouble.hidden = false;
    showState("disconnected");
  }
});

leave.addEventListener("click", () => room.disconnect());
