// What the page knows of its caller and of the connection: the token, kept in this tab alone; one client of
// the API; and whether it answers.
import { Client, Refused } from "./overtime.js";
import { useEffect, useState } from "./preact.js";

export const base = new URL(".", location.href).href.replace(/\/$/, ""); // the API's; it may lie below a stage's path
export const mode = document.documentElement.dataset.auth; // AUTH of the stage: open, tokens, jwt or iam
const KEY = `overtime ${base}`; // stages of one host share the tab's storage
const askFirst = mode === "tokens" || mode === "jwt";

const listeners = new Set();
const stored = sessionStorage.getItem(KEY) ?? "";
let state = { token: stored, asking: askFirst && !stored, refused: false, offline: !navigator.onLine };

function set(change) {
  if (Object.keys(change).every((name) => state[name] === change[name])) return;
  state = { ...state, ...change };
  for (const listener of listeners) listener(state);
}

export function useSession() {
  const [seen, setSeen] = useState(state);
  useEffect(() => {
    listeners.add(setSeen);
    setSeen(state);
    return () => listeners.delete(setSeen);
  }, []);
  return seen;
}

let losses = 0; // of the connection: an answer to what was sent before the last one says nothing of it
addEventListener("offline", () => {
  losses += 1;
  set({ offline: true });
});
addEventListener("online", () => set({ offline: false }));

export function enterToken(text) {
  const token = text.trim().replace(/^Bearer\s+/i, "");
  sessionStorage.setItem(KEY, token);
  set({ token, asking: false, refused: false });
}

export function forgetToken() {
  sessionStorage.removeItem(KEY);
  set({ token: "", asking: askFirst, refused: false });
}

const bearer = () => (state.token ? `Bearer ${state.token}` : null);

/** Resolves once a token has been entered; rejects when what needs it has gone. */
function entered(signal) {
  return new Promise((resolve, reject) => {
    const gone = () => signal.reason?.name === "TimeoutError" || finish(reject, signal.reason);
    const look = ({ asking }) => asking || finish(resolve);
    const finish = (settle, value) => {
      listeners.delete(look);
      signal?.removeEventListener("abort", gone);
      settle(value);
    };
    listeners.add(look);
    signal?.addEventListener("abort", gone);
    look(state);
  });
}

/**
 * fetch for calls of the API. A request whose token is missing or refused waits until another is entered, and
 * is then sent with that one, so that no view loses what it holds when a token expires.
 */
async function fetchWithToken(url, request) {
  if (!String(url).startsWith(`${base}/`)) return fetch(url, request);
  const headers = new Headers(request.headers);
  const send = async (signal) => {
    if (state.asking) await entered(signal);
    const sent = bearer();
    const before = losses;
    if (sent) headers.set("Authorization", sent);
    const response = await fetch(url, { ...request, headers, signal: signal?.aborted ? undefined : signal });
    if (before === losses) set({ offline: false });
    if (response.status !== 401) return response;
    if (sent === bearer()) set({ asking: true, refused: Boolean(sent) });
    return send(signal);
  };
  try {
    return await send(request.signal);
  } catch (error) {
    if (!request.signal?.aborted) set({ offline: true });
    throw error;
  }
}

/** Closed while it connects, it closes once it is open: browsers complain of one that is closed before. */
class Socket extends WebSocket {
  close() {
    if (this.readyState === WebSocket.CONNECTING) this.addEventListener("open", () => super.close());
    else super.close();
  }
}

export const client = new Client(base, { fetch: fetchWithToken, WebSocket: Socket });

/** One request as it is, for what the client has no method for. Redirects to the bucket are followed. */
export function request(path, options = {}) {
  return fetchWithToken(base + path, options);
}

/** A request that must succeed. `body` is sent as JSON. Throws Refused with the problem document. */
export async function call(method, path, { body, headers, signal } = {}) {
  const sent = body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json", ...headers } };
  const response = await request(path, { method, headers, ...sent, signal });
  if (response.ok) return response;
  const title = `The service answered ${response.status}`;
  const problem = await response.json().catch(() => ({}));
  throw new Refused({ title, detail: response.statusText, status: response.status, ...problem });
}

/** A GET of JSON. */
export const read = async (path, options) => (await call("GET", path, options)).json();

/** Calls `load` when the view appears and whenever `inputs` change. Returns [value, error, again]. */
export function useLoaded(load, inputs) {
  const [loaded, setLoaded] = useState([]);
  const [count, setCount] = useState(0);
  useEffect(() => {
    const control = new AbortController();
    setLoaded([]);
    load(control.signal).then(
      (value) => control.signal.aborted || setLoaded([value]),
      (error) => control.signal.aborted || setLoaded([undefined, error]),
    );
    return () => control.abort();
  }, [...inputs, count]);
  return [...loaded, undefined, undefined].slice(0, 2).concat(() => setCount(count + 1));
}
