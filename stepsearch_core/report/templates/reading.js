/* Reading values off a chart: `show` is called with the index of the place nearest to the pointer, or beside the current one. */
function readable(svg, xs, current, show, hide) {
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    show(xs.reduce((best, x, index) => (Math.abs(x - at) < Math.abs(xs[best] - at) ? index : best), 0));
  });
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (move) {
      event.preventDefault();
      show(current() + move);
    }
  });
}

function short(value) {
  return Number(value.toPrecision(3)).toString().replace("-", "−");
}
