"use strict";

/* Reading values off a curve, by pointer or arrow keys. */
const curves = JSON.parse(document.getElementById("curve-data").textContent);

for (const figure of document.querySelectorAll("figure.chart")) {
  const { points, marks } = curves[figure.dataset.key];
  const svg = figure.querySelector("svg");
  const readout = figure.querySelector("output");
  const cursor = svg.querySelector(".cursor");
  const [line, dot] = cursor.children;
  let current = points.length - 1;

  const show = (index) => {
    current = Math.max(0, Math.min(points.length - 1, index));
    const [step, raw, smooth, x, y] = points[current];
    const mark = marks.find(([at]) => at === step);
    line.setAttribute("x1", x);
    line.setAttribute("x2", x);
    dot.setAttribute("cx", x);
    dot.setAttribute("cy", y);
    cursor.setAttribute("visibility", "visible");
    readout.textContent = `step ${step}: ${short(smooth)} (raw ${short(raw)})` + (mark ? `, validation ${short(mark[1])}` : "");
  };
  const hide = () => {
    cursor.setAttribute("visibility", "hidden");
    readout.textContent = readout.dataset.summary;
  };
  readable(svg, points.map((point) => point[3]), () => current, show, hide);
}

/* Filtering the case studies. */
const filters = document.querySelector("form.filters");
const cases = [...document.querySelectorAll("details.case")];

function applyFilters() {
  const { benchmark, outcome, text } = filters.elements;
  const wanted = text.value.trim().toLowerCase();
  let shown = 0;
  for (const item of cases) {
    const visible =
      (!benchmark.value || item.dataset.benchmark === benchmark.value) &&
      (!outcome.value || item.dataset.outcome === outcome.value) &&
      (!wanted || item.textContent.toLowerCase().includes(wanted));
    item.hidden = !visible;
    shown += visible;
  }
  for (const box of filters.querySelectorAll("input[name=policy]")) {
    for (const article of document.querySelectorAll(`article.policy[data-policy="${CSS.escape(box.value)}"]`)) {
      article.hidden = !box.checked;
    }
  }
  filters.querySelector("output").textContent = `${shown} of ${cases.length} shown`;
}

filters.hidden = false;
filters.addEventListener("input", applyFilters);
filters.addEventListener("submit", (event) => event.preventDefault());
filters.elements.toggle.addEventListener("click", ({ target }) => {
  const open = target.textContent === "Open all";
  for (const item of cases) item.open = open;
  target.textContent = open ? "Close all" : "Open all";
});
applyFilters();
