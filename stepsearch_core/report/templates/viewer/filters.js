/* Which items are shown, what the list says of each, and the link to one. */
const rightOf = ({ record }) => Boolean(record && record.em > 0);
const compares = (item) => item.sides.length > 1 && item.sides.every(({ record }) => record);

function outcomeOf(item) {
  const [first, second] = item.sides.map(rightOf);
  if (!compares(item)) return first ? "right" : "wrong";
  return first ? (second ? "both" : "first") : second ? "second" : "neither";
}

function outcomeNames(items) {
  const two = items.find(compares);
  if (!two) return { right: "right", wrong: "wrong" };
  const [first, second] = two.sides.map(({ name }) => name);
  const alone = items.every(compares) ? {} : { right: "right, alone", wrong: "wrong, alone" };
  return { second: `only ${second} is right`, first: `only ${first} is right`, neither: "both are wrong", both: "both are right", ...alone };
}

const stopsOf = (item) => item.sides.flatMap(({ record }) => (record ? [record.stop] : []));
const hopsOf = (item) => String(item.question.hops || "none");

function isShown(item, { benchmark, outcome, hops, stop, text }) {
  return (
    (!benchmark || item.question.benchmark === benchmark) &&
    (!outcome || outcomeOf(item) === outcome) &&
    (!hops || hopsOf(item) === hops) &&
    (!stop || stopsOf(item).includes(stop)) &&
    (!text || textOf(item).includes(text))
  );
}

/* Everything that can be read of an item, in lower case; made when it is first searched. */
function textOf(item) {
  item.text ??= [item.question, ...item.sides.map(({ question }) => question)]
    .filter(Boolean)
    .flatMap(({ question, answers, decomposition }) => [question, ...answers, ...decomposition.flat()])
    .concat(item.sides.flatMap(({ record, passages }) => (record ? wordsOf(record, passages) : [])))
    .join("\n")
    .toLowerCase();
  return item.text;
}

function wordsOf({ prediction, turns }, passages) {
  const said = turns.flatMap(({ text, query = "", passages: shown = [] }) => [text, query, ...shown.flatMap(([number]) => passages[number])]);
  return [prediction ?? "", ...said];
}

/* Choices of a select, behind "all"; what was chosen stays so if it is still there. */
function offer(select, choices) {
  const chosen = select.value;
  const [all] = select.options;
  const options = Object.entries(choices).map(([value, label]) => new Option(label, value));
  select.replaceChildren(all, ...options);
  select.value = Object.hasOwn(choices, chosen) ? chosen : "";
}

function choicesOf(values, label = String) {
  return Object.fromEntries([...new Set(values)].sort().map((value) => [value, label(value)]));
}

function linkOf({ view, left, right, colour }, key) {
  return `#${new URLSearchParams({ view, left, right, colour, at: key })}`;
}

/* What a link names, as far as this page has it; null of any other fragment. */
function linked() {
  const named = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const sides = { training: index.steps.map(String), evaluated: index.evaluated[0] ? index.policies : [] }[named.view] ?? [];
  if (!sides.includes(named.left)) return null;
  return {
    view: named.view,
    left: named.left,
    right: sides.includes(named.right) ? named.right : "",
    colour: Object.hasOwn(MODES, named.colour ?? "") ? named.colour : "author",
    key: named.at ?? "",
  };
}
