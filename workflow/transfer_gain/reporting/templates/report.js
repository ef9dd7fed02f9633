// Tables sort by a click on a heading; points of figures show their numbers; what is wide says so; on paper
// everything is open.
"use strict";
for (const table of document.querySelectorAll("section > details table")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const direction = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", direction);
      const sign = direction === "ascending" ? 1 : -1;
      const compare = (one, other) => {
        const [a, b] = [one.cells[column], other.cells[column]];
        if (!a.classList.contains("number")) return sign * a.textContent.localeCompare(b.textContent);
        const [x, y] = [a, b].map((cell) => Number(cell.dataset.value.replace("inf", "Infinity")));
        if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
        return x === y ? 0 : sign * (x < y ? -1 : 1);
      };
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
    });
  });
}
// Points have titles, which a finger cannot reach.
const tip = document.body.appendChild(document.createElement("div"));
tip.className = "tip";
tip.hidden = true;
for (const point of document.querySelectorAll(".point")) {
  const title = point.querySelector("title");
  title.remove();
  const show = () => {
    const box = point.getBoundingClientRect();
    tip.textContent = title.textContent;
    tip.hidden = false;
    const most = document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = `${scrollX + Math.max(8, Math.min(box.left, most))}px`;
    tip.style.top = `${scrollY + box.top - tip.offsetHeight - 4}px`;
  };
  point.addEventListener("pointerenter", show);
  point.addEventListener("click", show);
  point.addEventListener("pointerleave", () => (tip.hidden = true));
}
// What is wider than the screen says so: on a phone no scroll bar is seen.
const markWide = () => {
  for (const box of document.querySelectorAll(".box, pre")) {
    box.classList.toggle("wide", box.scrollWidth > box.clientWidth);
  }
};
markWide();
addEventListener("resize", markWide);
for (const details of document.querySelectorAll("details")) details.addEventListener("toggle", markWide);
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
