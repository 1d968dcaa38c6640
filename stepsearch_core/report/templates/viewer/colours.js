/* What tokens are coloured by. A token is {element, author, values}; colours diverge from 0. */
const MODES = index.modes; // key -> label
const STRONGEST = 72; // per cent of the hue; more, and the text upon it is hard to read

/* Why a side has nothing of a mode; empty where it has. Rewards of turns are in every record. */
function absence(mode, { record }, view) {
  if (!record || mode === "author" || mode === "reward") return "";
  if (!record.tokens) return view === "training" ? "no tokens were kept of this trajectory" : "kept in training only, not of evaluated answers";
  if (mode in record.tokens) return "";
  return mode === "value" ? "this algorithm has no critic" : "this run had no reference";
}

function scaleOf(mode, sides) {
  const byToken = sides.some(({ record }) => record?.tokens);
  return (mode === "reward" && !byToken ? index.turn_scale : index.scales[mode]) ?? { limit: 0, signed: false };
}

function paint({ element, author, values }, mode, scale) {
  const value = mode === "author" ? undefined : values[mode];
  const share = value && scale.limit ? Math.min(1, Math.abs(value) / scale.limit) : 0;
  element.dataset.tint = mode === "author" ? author : share === 0 ? "none" : value < 0 ? "minus" : "plus";
  element.style.setProperty("--share", `${Math.round(share * STRONGEST)}%`);
}

function legendOf(mode, sides) {
  if (mode === "author") return [swatch("policy", "written by the policy"), swatch("environment", "by the environment")];
  const { limit, signed } = scaleOf(mode, sides);
  if (!limit) return [create("span", "", "0 everywhere")];
  const bar = create("span", signed ? "bar signed" : "bar");
  bar.style.setProperty("--share", `${STRONGEST}%`);
  const ends = [create("span", "", signed ? short(-limit) : "0"), bar, create("span", "", short(limit))];
  const byToken = sides.some(({ record }) => record?.tokens);
  const note = mode === "reward" && !byToken ? "unweighted, at the end of each turn; " : "";
  return [...ends, create("span", "note", `${note}98% of all lie within, the rest has the full colour`)];
}

function swatch(author, text) {
  const box = create("span", "token", "\u00a0");
  box.dataset.tint = author;
  return create("span", "swatch", box, ` ${text}`);
}

/* Text always becomes text nodes: nothing that a record says is ever read as HTML. */
function create(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

function short(value, signed = false) {
  if (value === null) return "–";
  const text = Number(value.toPrecision(3)).toString().replace("-", "−");
  return signed && value > 0 ? `+${text}` : text;
}
