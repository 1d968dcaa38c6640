/* Which tables are wider than the screen, and which are scrolled to their end. */
for (const scroll of document.querySelectorAll(".scroll")) {
  const look = () => {
    const rest = scroll.scrollWidth - scroll.clientWidth;
    scroll.parentElement.classList.toggle("wide", rest > 1);
    scroll.parentElement.classList.toggle("fits", rest <= 1);
    scroll.parentElement.classList.toggle("end", scroll.scrollLeft >= rest - 1);
  };
  scroll.addEventListener("scroll", look, { passive: true });
  new ResizeObserver(look).observe(scroll);
}

/* Paper shows everything. */
window.addEventListener("beforeprint", () => {
  for (const item of document.querySelectorAll("details")) item.open = true;
});
