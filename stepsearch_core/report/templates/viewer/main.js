/* The viewer's state, and what changes it: its form, its list, the keyboard, a link. */
const section = document.getElementById("trajectories");
const app = section.querySelector(".app");
const form = app.querySelector("form");
const fields = form.elements;
const list = app.querySelector(".items");
const sides = app.querySelector(".columns");
const readout = app.querySelector(".readout");
const ROWS = 100; // of the list at once
const counted = (number) => number.toLocaleString("en");

const state = { view: "evaluated", left: "", right: "", colour: "author" };
let items = []; // of what is compared
let shown = []; // of them, what the filters let through
let current = null; // the item that is open
let tokens = []; // of it
let at = -1; // the token that is read
let opened = false;

function choose({ view, left, right, colour }) {
  Object.assign(state, { view, colour });
  const training = view === "training";
  const names = training ? index.steps.map(String) : index.policies;
  const label = training ? (step) => `Step ${step}` : nameOf;
  fields.left.replaceChildren(...names.map((name) => new Option(label(name), name)));
  fields.right.replaceChildren(new Option("nothing", ""), ...names.map((name) => new Option(label(name), name)));
  [state.left, state.right] = [left, right === left ? "" : right];
  [fields.view.value, fields.left.value, fields.right.value] = [view, state.left, state.right];
}

function usual(view) {
  const [left, right] = view === "training" ? [String(index.steps.at(-1)), ""] : index.compared;
  return { view, left, right, colour: view === "training" ? "advantage" : state.colour };
}

async function show(key, moved = false) {
  const asked = { ...state };
  const found = await itemsOf(asked);
  if (["view", "left", "right"].some((name) => asked[name] !== state[name])) return; // asked anew meanwhile
  items = found;
  offer(fields.benchmark, choicesOf(items.map(({ question }) => question.benchmark), nameOf));
  offer(fields.outcome, outcomeNames(items));
  offer(fields.hops, choicesOf(items.map(hopsOf)));
  offer(fields.stop, choicesOf(items.flatMap(stopsOf), (stop) => stop.replaceAll("_", " ")));
  filter(key, moved);
}

function filter(key = current?.key, moved = true) {
  const wanted = { text: fields.text.value.trim().toLowerCase() };
  for (const name of ["benchmark", "outcome", "hops", "stop"]) wanted[name] = fields[name].value;
  shown = items.filter((item) => isShown(item, wanted));
  app.querySelector(".count").textContent = `${counted(shown.length)} of ${counted(items.length)} shown`;
  open(shown.find((item) => item.key === key) ?? shown[0] ?? null, moved);
}

/* `moved`: by the reader, whose address then names what is open. */
function open(item, moved = true) {
  current = item;
  tokens = [];
  const question = app.querySelector(".question");
  question.replaceChildren(...(item ? [questionOf(item.question)] : [create("p", "small", "Nothing fits the filters.")]));
  sides.replaceChildren(...(item ? item.sides.map((side) => paneOf(side, item.question, tokens)) : []));
  tokens.forEach((token, place) => (token.element.dataset.place = place));
  fillList();
  colour();
  if (item && moved) history.replaceState(null, "", linkOf(state, item.key));
}

function fillList() {
  const place = shown.indexOf(current);
  const first = Math.max(0, Math.floor(place / ROWS) * ROWS);
  const rows = shown.slice(first, first + ROWS).map((item) => {
    const row = create("button", "", create("span", `dot ${outcomeOf(item)}`, "●"), ` ${item.question.question}`);
    row.type = "button";
    row.dataset.key = item.key;
    row.title = outcomeNames([item])[outcomeOf(item)];
    if (item === current) row.setAttribute("aria-current", "true");
    return create("li", "", row);
  });
  list.replaceChildren(...rows);
  const row = list.querySelector("[aria-current]");
  if (row) list.scrollTop = row.offsetTop - list.offsetTop - list.clientHeight / 2 + row.offsetHeight / 2;
  app.querySelector(".place").textContent = current ? `${counted(place + 1)} of ${counted(shown.length)}` : "none";
  const link = app.querySelector("a.link");
  link.hidden = !current;
  if (current) link.href = linkOf(state, current.key);
}

/* Colours what is open, by what was chosen or, where it has nothing of that, by author. */
function colour() {
  const missing = new Map(); // reason -> modes
  for (const box of fields.colour) {
    const reasons = current ? current.sides.map((side) => absence(box.value, side, state.view)) : [""];
    box.disabled = reasons.every(Boolean);
    if (box.disabled) missing.set(reasons[0], [...(missing.get(reasons[0]) ?? []), MODES[box.value]]);
    box.parentElement.title = box.disabled ? reasons[0] : "";
  }
  const chosen = [...fields.colour].find((box) => box.value === state.colour && !box.disabled);
  const mode = chosen ? state.colour : "author";
  fields.colour.value = mode;
  const scale = scaleOf(mode, current?.sides ?? []);
  for (const token of tokens) paint(token, mode, scale);
  app.querySelector(".legend").replaceChildren(...(current ? legendOf(mode, current.sides) : []));
  app.querySelector(".missing").textContent = Array.from(missing, ([reason, modes]) => `${modes.join(", ")}: ${reason}.`).join(" ");
  read(-1);
}

function read(place) {
  tokens[at]?.element.classList.remove("at");
  at = place;
  const token = tokens[at];
  token?.element.classList.add("at");
  const { said = "", values = {} } = token ?? {};
  const numbers = Object.entries({ ...MODES, log_prob: "log-probability" }).flatMap(([mode, label]) =>
    values[mode] === undefined || values[mode] === null ? [] : [`${label.toLowerCase().replace("kl", "KL")} ${short(values[mode], true)}`],
  );
  readout.textContent = token ? [said, ...numbers].join(" · ") : readout.dataset.hint;
}

const step = (by) => {
  const next = shown[shown.indexOf(current) + by];
  if (next) open(next);
};

{% include "viewer/events.js" %}
