/* What the page carries, unpacked when it is asked for. */
const index = JSON.parse(document.getElementById("viewer-index").textContent);
const packed = new Map(Array.from(document.querySelectorAll("script[data-chunk]"), (script) => [script.dataset.chunk, script]));
const unpacked = new Map();

const canUnpack = "DecompressionStream" in window;
const nameOf = (key) => (Object.hasOwn(index.names, key) ? index.names[key] : key);

function load(chunk) {
  if (!unpacked.has(chunk)) unpacked.set(chunk, unpack(packed.get(chunk)));
  return unpacked.get(chunk);
}

async function unpack(script) {
  script.dataset.unpacked = "";
  const bytes = Uint8Array.from(atob(script.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

/* Items to show: a question, the key by which a link names it, and the records of one or two sides. */
async function itemsOf({ view, left, right }) {
  const sides = [left, right].filter((side) => side !== "");
  return view === "training" ? trained(sides) : evaluated(sides);
}

async function evaluated(policies) {
  const [questions, passages, ...answered] = await Promise.all([
    load("evaluated/questions"),
    load("evaluated/passages"),
    ...policies.map((policy) => load(`evaluated/${index.policies.indexOf(policy)}`)),
  ]);
  return questions.map((question, place) => ({
    question,
    key: `${question.benchmark}/${question.id}`,
    sides: policies.map((policy, side) => ({ name: nameOf(policy), question, record: answered[side][place], passages })),
  }));
}

/* Two steps have no questions in common: their trajectories are paired by number. */
async function trained(steps) {
  const [passages, first, second] = await Promise.all([load("training/passages"), ...steps.map((step) => load(`training/${step}`))]);
  return first.map((record, place) => ({
    question: record.question,
    key: String(place + 1),
    sides: [first, second].slice(0, steps.length).map((rows, side) => ({
      name: `Step ${steps[side]}`,
      question: rows[place]?.question,
      record: rows[place],
      passages,
    })),
  }));
}
