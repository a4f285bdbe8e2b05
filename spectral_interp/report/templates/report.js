"use strict";

const number = (value) => {
  if (value === null) return "";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e9)
    ? size.toExponential(2)
    : size.toLocaleString("en", { maximumSignificantDigits: 4, useGrouping: "min2" });
  return (value < 0 ? "−" : "") + text;
};
const signed = (value) => (value > 0 ? "+" : "") + number(value);

const element = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

/* Tables: a click on a header sorts by its column, numbers in descending order; another click reverses the order. */
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  heads.forEach((head, at) => head.firstElementChild.addEventListener("click", () => {
    const numeric = head.classList.contains("number");
    const first = numeric ? "descending" : "ascending";
    const order = head.ariaSort === first ? (numeric ? "ascending" : "descending") : first;
    heads.forEach((other) => { other.ariaSort = other === head ? order : "none"; });
    const key = (row) => numeric ? parseFloat(row.cells[at].dataset.key) : row.cells[at].textContent;
    const compare = (a, b) => {
      const [one, two] = [key(a), key(b)];
      if (numeric && (isNaN(one) || isNaN(two))) return isNaN(one) - isNaN(two);
      const sign = numeric ? one - two : one.localeCompare(two);
      return order === "ascending" ? sign : -sign;
    };
    body.append(...[...body.rows].sort(compare));
  }));
}

/* Layers: the target of a link is opened, and everything is opened for printing. */
document.documentElement.classList.add("js");
const reveal = (behavior, name = location.hash.slice(1)) => {
  const found = document.getElementById(name);
  if (!found) return;
  for (let part = found; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
  found.scrollIntoView({ behavior });
};
addEventListener("hashchange", () => reveal("smooth"));
addEventListener("load", () => reveal("instant"));
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#"]');
  if (!link) return;
  const framed = location.protocol === "about:"; // in a notebook, where "#made" would refer to its own page
  if (framed) event.preventDefault();
  if (framed || link.hash === location.hash) reveal("smooth", link.getAttribute("href").slice(1));
});

/* Content above the target, such as the what-if panel, may still grow afterwards. */
const settling = new ResizeObserver(() => reveal("instant"));
settling.observe(document.getElementById("page"));
const touched = (then) => {
  for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"]) {
    addEventListener(kind, then, { passive: true, capture: true });
  }
};
touched(() => settling.disconnect());
setTimeout(() => settling.disconnect(), 3000);

addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("main details:not([open], .numbers)")) {
    part.open = true;
    part.dataset.printed = "";
  }
});
addEventListener("afterprint", () => {
  for (const part of document.querySelectorAll("[data-printed]")) {
    part.open = false;
    delete part.dataset.printed;
  }
});

/* Contents: beside a wide page, or in a bar below a narrow one. The section at one third of the window height is
   marked; after a click, the section that was clicked. */
const contents = document.querySelector("#contents details");
const wide = matchMedia("(min-width: 75rem)");
const fold = () => { contents.open = wide.matches; };
wide.addEventListener("change", fold);
fold();
const links = [...document.querySelectorAll("#contents a")];
const places = links.map((link) => document.getElementById(link.hash.slice(1)).closest("section"));
const mark = (at) => {
  links.forEach((link, own) => {
    if (own === at) link.setAttribute("aria-current", "location");
    else link.removeAttribute("aria-current");
  });
  document.getElementById("here").textContent = links[at].textContent;
};
let [asked, arrived] = [-1, false];
const stays = () => {
  const { top, bottom } = places[asked].getBoundingClientRect();
  const inside = top < innerHeight && bottom > 0;
  const left = arrived && !inside;
  arrived = inside;
  if (left) asked = -1;
  return !left;
};
const watcher = new IntersectionObserver((changes) => {
  const entered = changes.find((change) => change.isIntersecting);
  if (entered && !(asked >= 0 && stays())) mark(places.indexOf(entered.target));
}, { rootMargin: "-33% 0px -66% 0px" });
places.forEach((place) => watcher.observe(place));
links.forEach((link, at) => link.addEventListener("click", () => {
  [asked, arrived] = [at, false];
  mark(at);
  fold();
}));
touched(() => { asked = -1; });
mark(0);

/* Words with a dotted underline: their definition appears on a click, or while the mouse is over them. */
for (const word of document.querySelectorAll(".term")) {
  const meaning = document.getElementById(word.getAttribute("popovertarget"));
  if (!meaning || !meaning.showPopover) continue;
  let hovered = false;
  const place = () => {
    const [at, own] = [word.getBoundingClientRect(), meaning.getBoundingClientRect()];
    const below = at.bottom + own.height + 8 < innerHeight;
    meaning.style.left = `${Math.max(8, Math.min(at.left, innerWidth - own.width - 8))}px`;
    meaning.style.top = `${below ? at.bottom + 4 : Math.max(4, at.top - own.height - 4)}px`;
  };
  word.addEventListener("click", (event) => {
    if (hovered) event.preventDefault();
    else requestAnimationFrame(place);
  });
  word.addEventListener("pointerenter", (event) => {
    if (event.pointerType !== "mouse" || meaning.matches(":popover-open")) return;
    hovered = true;
    meaning.showPopover();
    place();
  });
  word.addEventListener("pointerleave", () => {
    if (hovered) meaning.hidePopover();
    hovered = false;
  });
}

/* Row picker: a waterfall of any stored row. */
const data = JSON.parse(document.getElementById("data").textContent);
for (const method of Object.values(data.methods)) {
  method.rows = method.rows.map((cells) => Object.fromEntries(method.keys.map((key, at) => [key, cells[at]])));
}
const methodBox = document.getElementById("method");
const rowBox = document.getElementById("row");
const orderBox = document.getElementById("order");

const rowsInOrder = () => {
  const rows = data.methods[methodBox.value].rows.map((row, at) => ({ ...row, at }));
  const keys = {
    row: (row) => row.place,
    prediction: (row) => row.prediction,
    error: (row) => (row.error === null ? Infinity : -row.error),
  };
  return rows.sort((a, b) => keys[orderBox.value](a) - keys[orderBox.value](b) || a.place - b.place);
};

const fillRows = (wanted) => {
  const rows = rowsInOrder();
  rowBox.replaceChildren(...rows.map((row) => {
    const brief = row.brief ? ` (${row.brief})` : "";
    const option = element("option", "", `${row.row}: ${number(row.prediction)}${brief}`);
    option.value = row.at;
    return option;
  }));
  const chosen = rows.find((row) => row.place === wanted) || rows[0];
  rowBox.value = chosen.at;
  show();
};

const line = (head, value, cells, className) => {
  const row = element("tr", className);
  const name = element("th", "", head);
  name.scope = "row";
  row.append(name, element("td", "", value), ...cells);
  return row;
};

const show = () => {
  const method = data.methods[methodBox.value];
  const row = method.rows[rowBox.value];
  const steps = row.steps.map(([column, value, contribution, coupling, deviation]) => ({
    name: column === null ? `${method.others} others` : data.columns[column], value, contribution, coupling, deviation,
  }));
  const ends = [row.base];
  for (const step of steps) ends.push(ends[ends.length - 1] + step.contribution);
  const reach = [...ends, row.prediction];
  steps.forEach((step, at) => {
    if (step.coupling !== null) reach.push(ends[at] + step.contribution - step.coupling, ends[at] + step.coupling);
  });
  const low = Math.min(...reach);
  const span = Math.max(...reach) - low || 1;
  const percent = (value) => 1 + (97 * (value - low)) / span;
  const bar = (className, start, end) => {
    const made = element("span", className);
    made.style.left = `${percent(Math.min(start, end))}%`;
    made.style.width = `${percent(Math.max(start, end)) - percent(Math.min(start, end))}%`;
    return made;
  };
  const track = (...bars) => {
    const cell = element("td", "track");
    cell.append(...bars);
    return cell;
  };
  const numbers = (step) => [step.contribution, ...(method.parts ? [step.contribution - step.coupling, step.coupling] : [])]
    .map((value, at) => element("td", at ? "number parts" : "number", signed(value)))
    .concat(method.refits ? [element("td", "number refits", step.deviation === null ? "" : `± ${number(step.deviation)}`)] : []);
  const end = (name, value, note = "") => line(name, note, [track(bar("mark", value, value)), element("td", "number", number(value)),
    ...(method.parts ? [element("td", "parts"), element("td", "parts")] : []),
    ...(method.refits ? [element("td", "refits")] : [])], "end");
  const body = steps.map((step, at) => {
    const start = ends[at];
    const bars = [bar(`net ${step.contribution < 0 ? "down" : "up"}`, start, ends[at + 1])];
    if (step.coupling !== null) {
      const diagonal = step.contribution - step.coupling;
      bars.push(bar("diagonal", start, start + diagonal), bar("coupling", start + diagonal, ends[at + 1]));
    }
    return line(step.name, step.value, [track(...bars), ...numbers(step)]);
  });
  document.querySelector("#waterfall tbody").replaceChildren(
    end("base value", row.base), ...body, end("prediction", row.prediction, row.brief));
  for (const part of document.querySelectorAll("#picker .parts")) part.hidden = !method.parts;
  for (const part of document.querySelectorAll("#picker .refits")) part.hidden = !method.refits;
  const target = row.target === null ? "" : `, target ${typeof row.target === "number" ? number(row.target) : row.target}`;
  const chance = row.chance ? `, ${row.chance}` : "";
  const kink = row.degenerate ? ` ${data.kink} multiple here, so the row is at a possible kink.` : "";
  document.getElementById("said").textContent =
    `Row ${row.row}: prediction ${number(row.prediction)} (${row.unit || data.unit})${chance}${target}; base value ${number(row.base)}.${kink}`;
  document.getElementById("previous").disabled = rowBox.selectedIndex === 0;
  document.getElementById("next").disabled = rowBox.selectedIndex === rowBox.length - 1;
};

const step = (by) => {
  rowBox.selectedIndex += by;
  show();
};

for (const name of Object.keys(data.methods)) methodBox.append(element("option", "", name));
const current = () => data.methods[methodBox.value].rows[rowBox.value].place;
let shown = data.start;
methodBox.addEventListener("change", () => fillRows(shown));
orderBox.addEventListener("change", () => fillRows(shown));
rowBox.addEventListener("change", show);
document.getElementById("previous").addEventListener("click", () => step(-1));
document.getElementById("next").addEventListener("click", () => step(1));
document.getElementById("picker").addEventListener("change", () => { shown = current(); });
document.getElementById("picker").addEventListener("click", () => { shown = current(); });
fillRows(data.start);

/* Class picker: contributions to a class, against the mean of all classes or against another class. */
if (data.classes) {
  const { names, mean, pairs, left, others } = data.classes;
  const classBox = document.getElementById("class");
  const againstBox = document.getElementById("against");
  const option = (text, value) => {
    const made = element("option", "", text);
    made.value = value;
    return made;
  };

  const showClass = () => {
    const own = Number(classBox.value);
    for (const choice of againstBox.options) choice.disabled = choice.value === classBox.value;
    if (againstBox.value === classBox.value) againstBox.value = "";
    const against = againstBox.value;
    const found = against === "" ? mean[own] : pairs[own][against];
    const most = Math.max(...found.steps.filter((step) => step[0] !== null).map((step) => step[1])) || 1;
    const body = found.steps.map(([column, size, raised, one, other]) => {
      const bar = element("span", "");
      bar.style.width = `${Math.min(100, (100 * size) / most)}%`;
      const track = element("td", "track");
      track.append(bar);
      const row = element("tr", "");
      const head = element("th", "", column === null ? `${others} others, in total` : data.columns[column]);
      head.scope = "row";
      row.append(head, track, element("td", "number", number(size)),
        ...[raised, one, other].map((text) => element("td", "", text)));
      return row;
    });
    document.querySelector("#class-bars tbody").replaceChildren(...body);
    document.getElementById("class-one").textContent = `typical in ${names[own]}`;
    document.getElementById("class-other").textContent = `typical in ${against === "" ? "the other classes" : names[against]}`;
    const rows = found.rows.toLocaleString("en");
    const where = against === "" ? `all ${rows} rows` : `the ${rows} rows of both classes`;
    const which = left ? ` Only the ${names.length} most frequent classes can be chosen; ${left} are omitted.` : "";
    document.getElementById("class-said").textContent = (found.steps.length
      ? `Log-odds of ${names[own]} against ${against === "" ? "the mean of all classes" : names[against]}: mean |contribution| over ${where}.`
      : "No row belongs to these classes.") + which;
  };

  classBox.append(...names.map(option));
  againstBox.append(option("the mean of all classes", ""), ...names.map(option));
  classBox.addEventListener("change", showClass);
  againstBox.addEventListener("change", showClass);
  showClass();
}
