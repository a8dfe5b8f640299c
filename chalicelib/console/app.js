// The console: its frame, which view the address asks for, and the question for a token.
import { Title } from "./parts.js";
import { html, render, useEffect, useLayoutEffect, useRef, useState } from "./preact.js";
import { enterToken, forgetToken, mode, useSession } from "./session.js";

const isDocs = location.pathname.endsWith("/docs");
const { Docs, JobList, JobPage, ScheduleForm, SchedulesPage, Submit } = await (isDocs ? import("./docs.js") : import("./views.js"));

/** #/jobs/ID, #/new/TASK, #/schedules/NAME, #/schedule for a new one, or the list with its filters: #/?status=failed&task=report */
function placeOf(hash) {
  const [path, query] = hash.replace(/^#\/?/, "").split("?");
  const [view, argument = ""] = path.split("/").map(decodeURIComponent);
  return { view, argument, filters: Object.fromEntries(new URLSearchParams(query)) };
}

function usePlace() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const look = () => setHash(location.hash);
    addEventListener("hashchange", look);
    return () => removeEventListener("hashchange", look);
  }, []);
  return placeOf(hash);
}

function View({ view, argument, filters }) {
  if (mode === "iam") return html`<${NeedsSignatures} />`;
  if (isDocs) return html`<${Docs} />`;
  if (view === "jobs" && argument) return html`<${JobPage} id=${argument} key=${argument} />`;
  if (view === "new") return html`<${Submit} task=${argument} from=${filters.from} />`;
  if (view === "schedule" || (view === "schedules" && argument)) return html`<${ScheduleForm} name=${argument} key=${argument} />`;
  if (view === "schedules") return html`<${SchedulesPage} />`;
  return html`<${JobList} filters=${filters} />`;
}

function NeedsSignatures() {
  return html`<div class="card empty">
    <${Title} name="This stage takes signed requests" />
    <p>Its callers sign with AWS credentials (<code>AUTH=iam</code>), which a page cannot do. Use a program.</p>
  </div>`;
}

const WHERE_TOKENS_COME_FROM = {
  tokens: html`Tokens are made with <code>make token STAGE=… OWNER=…</code>.`,
  jwt: "Paste an access token of your identity provider, for this API.",
};

function TokenEntry({ refused }) {
  const dialog = useRef();
  useLayoutEffect(() => dialog.current.showModal(), []);
  const enter = (event) => {
    event.preventDefault();
    enterToken(new FormData(event.target).get("token"));
  };
  return html`<dialog ref=${dialog} aria-labelledby="who" onCancel=${(event) => event.preventDefault()}>
    <form class="stack" onSubmit=${enter}>
      <h2 id="who">${refused ? "The token is no longer valid" : "This stage needs a token"}</h2>
      <p class="quiet">${WHERE_TOKENS_COME_FROM[mode]} It is kept in this tab only, until you close it.
        ${refused && " Enter another, and everything here goes on."}</p>
      <p class="field"><label for="token">Token</label>
        <input id="token" name="token" type="password" autocomplete="off" spellcheck=${false} required autofocus /></p>
      <div class="bar"><button class="main">Continue</button></div>
    </form>
  </dialog>`;
}

const TABS = { new: "new", schedule: "schedules", schedules: "schedules" }; // the others are of jobs

function App() {
  const { token, asking, refused, offline } = useSession();
  const place = usePlace();
  const current = isDocs ? "docs" : TABS[place.view] ?? "jobs";
  const tab = (name, href, text) =>
    html`<a href=${href} aria-current=${current === name ? "page" : undefined}>${text}</a>`;
  return html`
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); document.querySelector("h1")?.focus(); }}>Skip to content</a>
    <header class="top">
      <div class="wide">
        <a class="brand" href="./">Overtime</a>
        <nav aria-label="Pages">${tab("jobs", "./#/", "Jobs")}${tab("new", "./#/new", "New job")}${tab("schedules", "./#/schedules", "Schedules")}${tab("docs", "docs", "API")}</nav>
        ${token && html`<button class="plain" onClick=${forgetToken}>Forget token</button>`}
      </div>
    </header>
    <div role="status">${offline && html`<p class="banner">No connection to the service. Trying again…</p>`}</div>
    <main id="main" class="wide"><${View} ...${place} /></main>
    ${asking && html`<${TokenEntry} refused=${refused} />`}`;
}

const root = document.getElementById("app");
root.textContent = "";
render(html`<${App} />`, root);
