/* One side: a record turn by turn, as tokens where they were kept. `tokens` collects what is coloured. */
function paneOf({ name, question, record, passages }, shownQuestion, tokens) {
  const pane = create("article", "pane");
  if (!record) {
    pane.append(create("h3", "", name), create("p", "small", "Nothing of this question here."));
    return pane;
  }
  const right = record.em > 0;
  const verdict = create("span", right ? "verdict right" : "verdict wrong", right ? "✓ right" : "✗ wrong");
  pane.append(create("h3", "", `${name} `, verdict), create("p", "facts", factsOf(record)));
  if (question !== shownQuestion) pane.append(questionOf(question));
  const turns = create("ol", "turns");
  const segments = record.tokens ? segmentsOf(record.tokens) : [];
  const count = Math.max(record.turns.length, ...segments.map(({ turn }) => turn + 1));
  for (let number = 0; number < count; number++) {
    const own = segments.filter(({ turn }) => turn === number);
    turns.append(turnOf(number, record, own, passages, tokens));
  }
  turns.tabIndex = 0;
  turns.setAttribute("aria-label", `${name}: arrow keys read its tokens one by one`);
  const answer = record.prediction === null ? "none given" : record.prediction || "(empty)";
  pane.append(turns, create("p", "final", create("span", "label", "Answer"), create("b", "", answer)));
  return pane;
}

function factsOf(record) {
  const facts = [`F1 ${short(record.f1)}`, `answer ${short(record.answer)}`, `search keys ${short(record.keys)}`, record.stop.replaceAll("_", " ")];
  if (record.samples > 1) facts.push(`first of ${record.samples} samples, F1 of all`);
  return facts.join(" · ");
}

function questionOf({ benchmark, question, answers, decomposition }) {
  const box = create("div", "asked");
  box.append(create("p", "", create("span", "badge plain", nameOf(benchmark)), " ", create("b", "", question)));
  box.append(create("p", "", create("span", "label", "Gold answer"), create("b", "", answers.join(" · "))));
  if (decomposition.length) {
    const hops = decomposition.map(([asked, answer]) => create("li", "", asked || "(no sub-question)", ...(answer ? [" → ", create("b", "", answer)] : [])));
    box.append(create("ol", "", ...hops));
  }
  return box;
}

/* Segments with the place of each token among the policy's, which is that of its numbers. */
function segmentsOf({ segments }) {
  let place = 0;
  return segments.map(([turn, author, texts]) => ({
    turn,
    author,
    texts: texts.map((text) => ({ text, place: author === "policy" ? place++ : -1 })),
  }));
}

function turnOf(number, record, segments, passages, tokens) {
  const turn = record.turns[number] ?? { action: "none" };
  const item = create("li", turn.action);
  const written = segments.filter(({ author }) => author === "policy");
  const read = segments.filter(({ author }) => author !== "policy");
  if (segments.length) {
    const gap = hasBlanks(record.tokens) ? "" : " ";
    item.append(...written.map((segment) => tokenLine(segment, gap, record, number, tokens)));
    item.append(...scoresOf(turn, number, record));
    item.append(...read.map((segment) => tokenLine(segment, gap, record, number, tokens)));
    if (turn.passages?.length) item.append(create("p", "found", "Found: ", ...turn.passages.flatMap((shown) => titleOf(shown, passages))));
    return item;
  }
  item.append(textLine(turn.text || turn.query || "", number, tokens));
  item.append(...scoresOf(turn, number, record, tokens));
  if (turn.action === "search") item.append(passageList(turn, number, passages, tokens));
  return item;
}

/* Tokens of words carry no blanks of their own, those of most models do. */
function hasBlanks({ segments }) {
  return segments.some(([, , texts]) => texts.some((text) => /^\s|\s$/.test(text)));
}

function tokenLine({ author, texts }, gap, record, turn, tokens) {
  const line = create("p", author === "policy" ? "written tokens" : "written tokens read");
  for (const { text, place } of texts) {
    const values = {};
    if (place >= 0) for (const [key, numbers] of Object.entries(record.tokens)) if (key !== "segments") values[key] = numbers[place];
    const element = create("span", "token", text || "·");
    if (!text) element.classList.add("part");
    tokens.push({ element, author, values, said: `turn ${turn + 1}, ${author}: “${text.trim() || (text ? "blank" : "part of a character")}”` });
    line.append(element, gap);
  }
  return line;
}

function textLine(text, turn, tokens) {
  const element = create("span", "token", text.trim());
  tokens.push({ element, author: "policy", values: {}, said: `turn ${turn + 1}, written by the policy` });
  return create("p", "written", element);
}

/* Step rewards of a search; with the last turn those of the answer. Coloured where tokens are not. */
function scoresOf(turn, number, record, tokens = null) {
  const line = create("p", "scores");
  const score = (label, value, said) => {
    const element = create("span", "token", `${label} ${short(value, true)}`);
    tokens?.push({ element, author: "", values: { reward: value }, said: `turn ${number + 1}, ${said}` });
    line.append(element, " ");
  };
  if (turn.gain !== undefined) {
    const redundancy = turn.redundancy ?? 0;
    score("gain − redundancy", turn.gain - redundancy, `gain ${short(turn.gain)}, redundancy ${short(redundancy)}, unweighted`);
  }
  if (turn.action === "invalid") line.append(create("span", "bad", `no valid action: ${turn.reason}`));
  if (number === record.turns.length - 1) {
    score("answer + keys", record.answer + record.keys, `answer ${short(record.answer)}, search keys ${short(record.keys)}, unweighted`);
  }
  return line.childNodes.length ? [line] : [];
}

const MARKS = { gold: "gold", repeated: "seen before", cut: "shown cut" };

function badgesOf(marks) {
  return marks.flatMap((mark) => [create("span", `badge ${mark === "cut" ? "plain" : mark}`, MARKS[mark]), " "]);
}

function titleOf([number, ...marks], passages) {
  return [create("span", "title", ...badgesOf(marks), passages[number][0]), " "];
}

function passageList({ passages: shown = [], hidden = 0 }, turn, passages, tokens) {
  const list = create("ul", "passages");
  for (const [number, ...marks] of shown) {
    const [title, text] = passages[number];
    const element = create("span", "token", create("b", "", title), ` ${text}`);
    tokens.push({ element, author: "environment", values: {}, said: `turn ${turn + 1}, passage of the environment` });
    list.append(create("li", marks.filter((mark) => mark !== "cut").join(" "), ...badgesOf(marks), element));
  }
  if (!shown.length) list.append(create("li", "none", "no passages"));
  if (hidden) list.append(create("li", "none", `${hidden} found, but not shown: no room`));
  return list;
}
