app.addEventListener("input", ({ target }) => {
  const { name, value } = target;
  if (name === "view") choose(usual(value));
  else if (name === "left" || name === "right") choose({ ...state, [name]: value });
  else if (name === "colour") state.colour = value;
  if (name === "colour") {
    colour();
    if (current) history.replaceState(null, "", linkOf(state, current.key));
  } else if (["view", "left", "right"].includes(name)) show(current?.key, true);
  else filter();
});
form.addEventListener("submit", (event) => event.preventDefault());
app.querySelector(".earlier").addEventListener("click", () => step(-1));
app.querySelector(".later").addEventListener("click", () => step(1));
list.addEventListener("click", ({ target }) => {
  const row = target.closest("button");
  if (row) open(shown.find(({ key }) => key === row.dataset.key));
  list.querySelector("[aria-current]")?.focus();
});
sides.addEventListener("pointerover", ({ target }) => {
  const token = target.closest("[data-place]");
  if (token) read(Number(token.dataset.place));
});

/* Keys are the viewer's while it is on the screen, and never those of a field or of the browser. */
function onScreen() {
  const { top, bottom } = app.getBoundingClientRect();
  return bottom > 0 && top < window.innerHeight;
}
document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  const inside = app.contains(target);
  if (event.ctrlKey || event.metaKey || event.altKey || !(onScreen() || inside) || !opened) return;
  if (target.matches("input:not([type=radio]), select, textarea")) {
    if (key === "Escape" && inside) target.blur();
    return;
  }
  const mode = fields.colour[Number(key) - 1];
  if (key === "j" || key === "k") step(key === "j" ? 1 : -1);
  else if (key === "/") fields.text.focus();
  else if (mode && !mode.disabled) mode.click();
  else if (target.closest(".items") && /^Arrow(Up|Down)$/.test(key)) {
    step(key === "ArrowDown" ? 1 : -1);
    list.querySelector("[aria-current]")?.focus();
  } else if (target.closest(".turns") && /^Arrow(Left|Right)$/.test(key)) readNext(target, key === "ArrowRight" ? 1 : -1);
  else return;
  event.preventDefault();
});

function readNext(turns, by) {
  const own = tokens.flatMap(({ element }, place) => (turns.contains(element) ? [place] : []));
  const from = own.indexOf(at);
  const next = from < 0 ? own.at(by > 0 ? 0 : -1) : own[Math.max(0, Math.min(own.length - 1, from + by))];
  if (next !== undefined) read(next);
  tokens[at]?.element.scrollIntoView({ behavior: "instant", block: "nearest" });
}

async function follow() {
  const link = linked();
  if (!link) return;
  opened = true;
  for (const name of ["benchmark", "outcome", "hops", "stop", "text"]) fields[name].value = "";
  choose(link);
  await show(link.key);
  if (link.key && current?.key !== link.key) app.querySelector(".missing").textContent = "What the link names is not on this page; this is the first that is.";
  app.querySelector(".question").scrollIntoView({ behavior: "instant" });
}

/* From a case study to its question here. */
function linkCases() {
  if (!index.evaluated[0]) return;
  for (const item of document.querySelectorAll("details.case")) {
    const link = create("a", "small", "Open in the viewer");
    link.href = linkOf(usual("evaluated"), item.dataset.question);
    item.append(link);
  }
}

function begin() {
  if (opened) return;
  opened = true;
  choose(usual(index.evaluated[0] ? "evaluated" : "training"));
  show("");
}

if (!canUnpack) section.querySelector(".unable").hidden = false;
else if (index.evaluated[0] || index.steps.length) {
  app.hidden = false;
  for (const box of fields.view) box.disabled = !(box.value === "training" ? index.steps.length : index.evaluated[0]);
  window.addEventListener("hashchange", follow);
  follow();
  linkCases();
  new IntersectionObserver(([entry]) => {
    if (entry.isIntersecting) begin();
  }).observe(app);
}
