"use strict";

/* Reading values off the curves of all variants, by pointer or arrow keys, and hiding some of them. */
const curves = JSON.parse(document.getElementById("curve-data").textContent);

for (const group of document.querySelectorAll(".compared")) {
  const items = [...group.querySelectorAll(".legend li")];
  const at = group.querySelector(".legend .at");

  for (const item of items) {
    const lines = [...group.querySelectorAll("g.line")].filter((line) => line.dataset.variant === item.dataset.variant);
    const box = item.querySelector("input");
    box.hidden = false;
    box.addEventListener("change", () => {
      for (const line of lines) line.classList.toggle("off", !box.checked);
    });
    item.addEventListener("pointerenter", () => {
      group.classList.add("picking");
      for (const line of lines) line.classList.add("picked");
    });
    item.addEventListener("pointerleave", () => {
      group.classList.remove("picking");
      for (const line of lines) line.classList.remove("picked");
    });
  }
  for (const figure of group.querySelectorAll("figure.chart")) read(figure, items, at);
}

function read(figure, items, at) {
  const lines = curves[figure.dataset.key];
  const svg = figure.querySelector("svg");
  const cursor = svg.querySelector(".cursor");
  const title = figure.querySelector("figcaption b").textContent;
  const places = [...new Map(Object.values(lines).flat().map((point) => [point[0], point[4]]))].sort((a, b) => a[0] - b[0]);
  let current = places.length - 1;

  const show = (index) => {
    current = Math.max(0, Math.min(places.length - 1, index));
    const [count, x] = places[current];
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    cursor.setAttribute("visibility", "visible");
    at.textContent = `${title} after ${count.toLocaleString("en")} trajectories`;
    for (const item of items) {
      const point = (lines[item.dataset.variant] || []).find((other) => other[0] === count);
      const [, mean, low, high] = point || [];
      const spread = low === null || low === undefined || high === null ? "" : ` (${short(low)} to ${short(high)})`;
      item.querySelector("output").textContent = point ? short(mean) + spread : "–";
    }
  };
  const hide = () => {
    cursor.setAttribute("visibility", "hidden");
    at.textContent = "";
    for (const item of items) item.querySelector("output").textContent = "";
  };
  readable(svg, places.map((place) => place[1]), () => current, show, hide);
  svg.addEventListener("focus", () => show(current));
}
