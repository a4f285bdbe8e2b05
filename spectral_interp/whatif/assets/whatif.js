"use strict";

/* What-if panel: controls for every column, and the results of the model. */
(() => {
  const $ = (name) => document.getElementById(`wi-${name}`);
  const STEPS = 1000;
  const LINES = 10;
  const LONGEST = 50000;
  const FRAME = 8;
  const REFINE = 1000;
  const CLOSE = 1.05;

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const drawing = (tag, className, attributes = {}) => {
    const made = document.createElementNS($("svg").namespaceURI, tag);
    if (className) made.setAttribute("class", className);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const option = (text, value) => {
    const made = element("option", "", text);
    made.value = value;
    return made;
  };

  const plain = (size) => size === 0 || (size >= 1e-3 && size < 1e9);
  const number = (value) => {
    const size = Math.abs(value);
    const text = plain(size)
      ? size.toLocaleString("en", { maximumSignificantDigits: 4, useGrouping: "min2" })
      : size.toExponential(2).replace("e+", "e").replace("e-", "e−");
    return (value < 0 ? "−" : "") + text;
  };
  const signed = (value) => (value > 0 ? "+" : "") + number(value);
  const RARE = 1e-4;
  const percent = (share) => (share < RARE ? "below 0.01 %" : share > 1 - RARE ? "above 99.99 %" : `${number(100 * share)} %`);
  /* A bound as text, rounded up or down so that it remains a bound. */
  const outward = (value, up) => {
    if (!Number.isFinite(value) || value === 0) return number(value);
    const digits = plain(Math.abs(value)) ? 4 : 3;
    const step = 10 ** (Math.floor(Math.log10(Math.abs(value))) + 1 - digits);
    return number((up ? Math.ceil(value / step - 1e-9) : Math.floor(value / step + 1e-9)) * step);
  };
  const chances = (low, high) => `${outward(low < RARE ? 0 : 100 * Math.min(low, 1 - RARE), false)} % to ${outward(100 * Math.max(high, RARE), true)} %`;

  const isoOf = (axis, days) => {
    const date = new Date(Math.round(days * 86400) * 1000);
    return Number.isNaN(date.getTime()) ? "" : date.toISOString().slice(0, axis.time ? 19 : 10);
  };
  const daysOf = (text) => Date.parse(`${text}${text.includes("T") ? "" : "T00:00"}Z`) / 86400000;

  class Panel {
    constructor(data, model) {
      Object.assign(this, { data, model });
      this.columns = data.columns.map((column, at) => ({ ...data.model.axes[at], ...column, at, axis: model.axes[at] }));
      this.classes = data.classes;
      this.several = model.functions > 1;
      this.cards = [];
      this.curves = [];
      this.dirty = new Set();
      this.stamp = this.fingerprint();
      this.fillControls();
      this.cards = this.columns.map((column) => this.card(column));
      this.arrange();
      this.start = this.rowState(data.start);
      const given = this.parse(location.hash);
      this.history = [JSON.stringify(given || this.start)];
      this.moment = 0;
      this.show(given || this.start, null);
      this.listen();
      this.target = new Target(this);
      if (given) document.getElementById("whatif").scrollIntoView();
    }

    /* A hash of the names and kinds of the columns, so that links to another model are ignored. */
    fingerprint() {
      const text = JSON.stringify([this.classes, this.columns.map(({ name, kind, levels }) => [name, kind, levels || 0])]);
      let hash = 2166136261;
      for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
      return (hash >>> 0).toString(36);
    }

    /* States: a value of every column (a number, days, or the position of a level; null for a missing value), the
       tolerance in percent, the explained class, and the class that it is against, −1 for the mean of all. */
    rowState(row) {
      const values = this.columns.map(({ at, typical }) => (row < 0 ? typical : this.data.rows.values[at][row]));
      return this.state && this.state.values ? { ...this.state, values } : { values, tolerance: 1, own: this.likeliest(values), against: -1 };
    }

    likeliest(values) {
      if (!this.several) return 0;
      const scores = this.model.scores(values.map((value, at) => this.coordinate(at, value)));
      return scores.indexOf(Math.max(...scores));
    }

    coordinate(at, value) {
      if (value === null) return NaN;
      return this.columns[at].kind === "levels" ? value : this.model.coordinate(at, value);
    }

    /* Whether a column can have a value. */
    legal(column, value) {
      if (value === null) return column.kind !== "levels" || column.axis.other === null;
      if (column.kind === "levels") return Number.isInteger(value) && value >= 0 && value < column.levels.length;
      return Number.isFinite(value) && Number.isFinite(this.model.coordinate(column.at, value))
        && (column.kind !== "date" || Math.abs(value) < 2932897);
    }

    weights() {
      if (!this.several) return [1];
      const { own, against } = this.state;
      return this.classes.map((_, at) => (against < 0 ? -1 / this.classes.length : at === against ? -1 : 0) + (at === own ? 1 : 0));
    }

    get unit() {
      if (!this.several) return this.data.unit;
      const { own, against } = this.state;
      return `log-odds of ${this.classes[own]} against ${against < 0 ? "the mean of all classes" : this.classes[against]}`;
    }

    /* Links. A fragment is untrusted: it is parsed token by token, and ignored completely if a token is invalid. */
    fragment() {
      const { values, tolerance, own, against } = this.state;
      const tokens = values.map((value, at) => (value === null ? "m" : this.columns[at].kind === "levels" ? `l${value}` : String(value)));
      return `#whatif=${[this.stamp, tokens.join(","), tolerance, own, against].join(";")}`;
    }

    parse(hash) {
      if (!hash.startsWith("#whatif=") || hash.length > LONGEST) return null;
      const fields = hash.slice(8).split(";");
      if (fields.length !== 5 || fields[0] !== this.stamp) return null;
      const decimal = /^-?\d{1,30}(\.\d{1,30})?(e[+-]?\d{1,3})?$/;
      if (!fields.slice(2).every((field) => decimal.test(field))) return null;
      const [tolerance, own, against] = fields.slice(2).map(Number);
      const tokens = fields[1].split(",");
      if (tokens.length !== this.columns.length) return null;
      const values = tokens.map((token, at) => {
        const isLevel = this.columns[at].kind === "levels";
        if (token === "m") return null;
        if (isLevel) return /^l\d{1,6}$/.test(token) ? Number(token.slice(1)) : NaN;
        return decimal.test(token) ? Number(token) : NaN;
      });
      const isClass = (place) => Number.isInteger(place) && place >= 0 && place < Math.max(this.classes.length, 1);
      const fits = values.every((value, at) => this.legal(this.columns[at], value)) && tolerance >= 0 && tolerance <= 100
        && isClass(own) && (against === -1 || (isClass(against) && against !== own));
      return fits ? { values, tolerance, own, against } : null;
    }

    /* Controls above the columns. */
    fillControls() {
      const { labels } = this.data.rows;
      $("start").append(option("typical values", -1), ...labels.map((label, at) => option(`row ${label}`, at)));
      $("start").value = this.data.start;
      $("outputs").hidden = !this.several;
      $("banded").hidden = !Object.values(this.data.bands).some(Boolean);
      $("class").append(...this.classes.map(option));
      $("against").append(option("the mean of all classes", -1), ...this.classes.map(option));
    }

    arrange() {
      const { order, first } = this.data;
      const nodes = order.map((at) => this.cards[at].node);
      $("first").append(...nodes.slice(0, first));
      $("more").hidden = nodes.length <= first;
      $("more").querySelector("summary").textContent = `${nodes.length - first} more columns`;
      $("more").querySelector("div").append(...nodes.slice(first));
    }

    listen() {
      $("start").addEventListener("change", () => this.commit(this.rowState(Number($("start").value))));
      $("reset").addEventListener("click", () => this.commit(this.rowState(Number($("start").value))));
      $("undo").addEventListener("click", () => this.travel(-1));
      $("redo").addEventListener("click", () => this.travel(1));
      $("class").addEventListener("change", () => {
        const own = Number($("class").value);
        this.commit({ ...this.state, own, against: this.state.against === own ? -1 : this.state.against });
      });
      $("against").addEventListener("change", () => this.commit({ ...this.state, against: Number($("against").value) }));
      $("tolerance").addEventListener("change", () => {
        const tolerance = Number($("tolerance").value);
        if (tolerance >= 0 && tolerance <= 100) this.commit({ ...this.state, tolerance });
        else $("tolerance").value = this.state.tolerance;
      });
      $("copy").addEventListener("click", () => this.copy(this.csv(), "The row"));
      $("link").hidden = location.protocol === "about:"; // a link to the frame of a notebook does not work
      $("link").addEventListener("click", () => {
        this.keep();
        this.copy(location.href.split("#")[0] + this.fragment(), "The link");
      });
      $("bands").addEventListener("change", () => this.curves.forEach((_, at) => this.draw(at)));
      $("more").addEventListener("toggle", () => this.schedule());
      window.addEventListener("hashchange", () => {
        const given = this.parse(location.hash);
        if (given && JSON.stringify(given) !== JSON.stringify(this.state)) this.commit(given);
      });
    }

    /* Show a state and store it in the history. */
    commit(state, moved = null) {
      this.show(state, moved);
      this.remember();
    }

    remember() {
      const text = JSON.stringify(this.state);
      if (text !== this.history[this.moment]) {
        this.history = [...this.history.slice(0, this.moment + 1), text];
        this.moment += 1;
      }
      this.keep();
      this.enable();
      $("live").textContent = `${$("prediction").textContent}.`;
    }

    travel(by) {
      this.moment += by;
      this.show(JSON.parse(this.history[this.moment]), null);
      this.remember();
    }

    enable() {
      $("undo").disabled = this.moment === 0;
      $("redo").disabled = this.moment === this.history.length - 1;
    }

    keep() {
      try {
        history.replaceState(null, "", this.fragment());
      } catch {
        /* a page in a frame has no address of its own */
      }
    }

    csv() {
      const quoted = (text) => (/[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
      const cells = this.columns.map((column) => {
        const value = this.state.values[column.at];
        if (value === null) return "";
        if (column.kind === "date") return isoOf(column, value);
        const text = column.kind === "levels" ? column.axis.levels[value] : String(value);
        return column.kind === "levels" && text === "missing" ? "" : text;
      });
      const line = cells.length === 1 && cells[0] === "" ? '""' : cells.map(quoted).join(",");
      return `${this.columns.map(({ name }) => quoted(name)).join(",")}\n${line}\n`;
    }

    async copy(text, what) {
      const box = $("text");
      box.value = text;
      box.hidden = false;
      box.select();
      try {
        await navigator.clipboard.writeText(text);
        $("copied").textContent = `${what} has been copied.`;
      } catch {
        $("copied").textContent = `${what} could not be copied; it is selected below.`;
      }
    }

    /* Card of a column: controls, distribution and curve. */
    card(column) {
      const node = element("div", "wi-card");
      const head = element("div", "wi-head");
      const name = element("label", "wi-name", column.title);
      name.title = column.title;
      const card = { node, column, here: element("p", "small") };
      card.here.id = `wi-here-${column.at}`;
      const input = this.input(column, card);
      name.htmlFor = input.id = `wi-value-${column.at}`;
      head.append(name, input);
      const gaps = column.kind !== "levels" && (column.median !== null || this.data.rows.values[column.at].includes(null));
      if (gaps) head.append(this.gap(column, card));
      head.append(this.lock(column, card));
      node.append(head);
      if (column.kind !== "levels") node.append(this.bars(column), this.slider(column, card));
      card.svg = drawing("svg", `wi-curve${column.kind === "levels" ? " wi-levels" : ""}`, { viewBox: "0 0 200 60", preserveAspectRatio: "none", "aria-hidden": "true" });
      card.ends = element("p", "small");
      node.append(card.svg, card.ends, card.here);
      return card;
    }

    input(column, card) {
      if (column.kind === "levels") {
        const box = element("select");
        box.append(...column.levels.map(option));
        if (column.axis.other === null) box.append(option("any other value", ""));
        box.addEventListener("change", () => this.set(column, box.value === "" ? null : Number(box.value), true));
        card.input = box;
        return box;
      }
      const box = element("input");
      box.type = column.kind === "number" ? "number" : column.time ? "datetime-local" : "date";
      box.step = column.kind === "number" ? "any" : "1";
      box.setAttribute("aria-describedby", card.here.id);
      box.addEventListener("change", () => {
        const value = box.value === "" ? NaN : column.kind === "number" ? Number(box.value) : daysOf(box.value);
        const legal = this.legal(column, value);
        box.setAttribute("aria-invalid", String(!legal));
        if (legal) this.set(column, value, true);
        else this.warn(card, "not a possible value; the previous value is still used");
      });
      card.input = box;
      return box;
    }

    gap(column, card) {
      const label = element("label", "wi-gap");
      const box = element("input");
      box.type = "checkbox";
      box.addEventListener("change", () => this.set(column, box.checked ? null : this.last(column), true));
      label.append(box, "missing");
      box.setAttribute("aria-label", `${column.title} is missing`);
      card.gap = box;
      return label;
    }

    /* Check box that fixes the column in a search, visible while the search is open. */
    lock(column, card) {
      const label = element("label", "wi-lock");
      card.lock = element("input");
      card.lock.type = "checkbox";
      card.lock.setAttribute("aria-label", `Keep the value of ${column.title}`);
      label.append(card.lock, "keep");
      return label;
    }

    last(column) {
      const known = this.cards[column.at].last;
      return known === undefined || known === null ? column.typical : known;
    }

    bars(column) {
      const svg = drawing("svg", "wi-bars", { viewBox: "0 0 200 24", preserveAspectRatio: "none", "aria-hidden": "true" });
      const width = 200 / column.bars.length;
      column.bars.forEach((share, at) => {
        const height = share > 0 ? Math.max(24 * share, 1) : 0;
        svg.append(drawing("rect", "", { x: at * width + 0.4, y: 24 - height, width: width - 0.8, height }));
      });
      return svg;
    }

    slider(column, card) {
      const box = element("input");
      box.type = "range";
      box.min = 0;
      box.max = this.steps(column);
      box.step = 1;
      box.setAttribute("aria-label", `${column.title}, slider`);
      box.addEventListener("input", () => {
        this.sliding = true;
        this.set(column, this.slid(column, Number(box.value)), false);
      });
      box.addEventListener("change", () => {
        this.sliding = false;
        this.remember();
        this.schedule();
      });
      card.slider = box;
      return box;
    }

    /* Positions of a slider: whole numbers or days if there are few. */
    steps(column) {
      if (column.log || !(column.whole || (column.kind === "date" && !column.time))) return STEPS;
      const width = Math.round(column.scale * (column.high - column.low));
      return width >= 1 && width <= STEPS ? width : STEPS;
    }

    /* The value at a position, with no more digits than the slider can resolve. */
    slid(column, position) {
      const u = column.low + ((column.high - column.low) * position) / this.steps(column);
      const value = this.model.value(column.at, u);
      if (column.kind === "date") return column.time ? Math.round(value * 86400) / 86400 : Math.round(value);
      if (column.whole) return Math.round(value);
      if (column.log) return Number(value.toPrecision(4));
      const step = (column.scale * (column.high - column.low)) / STEPS;
      return Number(value.toFixed(Math.min(Math.max(Math.ceil(-Math.log10(step)), 0), 20)));
    }

    position(column, value) {
      const u = this.coordinate(column.at, value);
      return Math.round(this.steps(column) * Math.min(Math.max((u - column.low) / (column.high - column.low), 0), 1));
    }

    set(column, value, committed) {
      if (!this.legal(column, value)) return;
      const values = this.state.values.slice();
      values[column.at] = value;
      const state = { ...this.state, values };
      if (committed) this.commit(state, column.at);
      else this.show(state, column.at);
    }

    /* Show a state. If moved is given, only this column changed. */
    show(state, moved) {
      this.state = state;
      this.u = state.values.map((value, at) => this.coordinate(at, value));
      this.answer();
      this.columns.forEach((column) => { if (moved === null || moved === column.at) this.update(column); });
      this.columns.forEach(({ at }) => { if (at !== moved) this.dirty.add(at); });
      if (moved !== null && this.curves[moved]) this.draw(moved);
      else if (moved !== null) this.dirty.add(moved);
      this.loose = true;
      if (this.target) this.target.clear();
      if (moved === null) this.enable();
      this.schedule();
    }

    /* Set the controls of a column to its value. */
    update(column) {
      const card = this.cards[column.at], value = this.state.values[column.at];
      if (value !== null) card.last = value;
      const own = value === null && column.kind !== "levels" ? this.last(column) : value;
      if (column.kind === "levels") card.input.value = value === null ? "" : value;
      else card.input.value = column.kind === "date" ? isoOf(column, own) : own;
      card.input.removeAttribute("aria-invalid");
      if (card.gap) {
        card.gap.checked = value === null;
        card.input.disabled = card.slider.disabled = value === null;
      }
      if (card.slider) {
        card.slider.value = this.position(column, own);
        card.slider.setAttribute("aria-valuetext", column.kind === "date" ? isoOf(column, own) : String(own));
      }
      const far = value !== null && column.kind !== "levels" && (this.u[column.at] < column.low - 1e-9 || this.u[column.at] > column.high + 1e-9);
      this.warn(card, far ? `outside the ${column.axis.low === null ? "range of these rows" : "training range"}` : "");
    }

    warn({ here }, text) {
      here.className = text ? "small wi-far" : "small";
      here.textContent = text;
    }

    /* The prediction and its waterfall. */
    answer() {
      const { model, state } = this, found = model.explain(this.u, this.weights());
      const scores = this.several ? model.scores(this.u) : [found.prediction];
      this.found = found;
      if (!this.legible) {
        $("prediction").textContent = "These values are too extreme: the prediction cannot be computed.";
        $("classes").replaceChildren();
      } else if (!this.classes.length) {
        $("prediction").textContent = `${this.data.target}: ${number(found.prediction)}`;
      } else {
        const shares = SpectralModel.probabilities(scores);
        const best = shares.indexOf(Math.max(...shares));
        $("prediction").textContent = `${this.data.target}: ${this.classes[best]}, probability ${percent(shares[best])}`;
        this.bar(shares);
      }
      $("class").value = state.own;
      $("against").value = state.against;
      for (const choice of $("against").options) choice.disabled = Number(choice.value) === state.own;
      if (document.activeElement !== $("tolerance")) $("tolerance").value = state.tolerance;
      this.waterfall(found);
    }

    get legible() {
      return Number.isFinite(this.found.prediction);
    }

    bar(shares) {
      const order = [...shares.keys()].sort((a, b) => shares[b] - shares[a]).slice(0, LINES);
      const shown = shares.length > LINES ? order : [...shares.keys()];
      const body = element("tbody");
      for (const at of shown) {
        const row = element("tr");
        const head = element("th", "", this.classes[at]);
        head.scope = "row";
        const bar = element("span", "wi-bar");
        bar.style.width = `${100 * shares[at]}%`;
        const track = element("td");
        track.append(bar);
        row.append(head, track, element("td", "number", percent(shares[at])));
        body.append(row);
      }
      const table = element("table");
      table.append(body);
      $("classes").replaceChildren(table);
    }

    waterfall(found) {
      const body = document.querySelector("#wi-waterfall tbody");
      if (!this.legible) {
        body.replaceChildren();
        return;
      }
      const order = [...found.values.keys()].sort((a, b) => Math.abs(found.values[b]) - Math.abs(found.values[a]));
      const most = order.length <= LINES + 1 ? order.length : LINES;
      const steps = order.slice(0, most).map((at) => ({ name: this.columns[at].title, value: found.values[at], diagonal: found.diagonal[at] }));
      if (most < order.length) {
        const rest = order.slice(most);
        const sum = (numbers) => rest.reduce((total, at) => total + numbers[at], 0);
        steps.push({ name: `${rest.length} others`, value: sum(found.values), diagonal: sum(found.diagonal) });
      }
      const ends = [found.base];
      for (const step of steps) ends.push(ends[ends.length - 1] + step.value);
      const reach = [...ends, found.prediction, ...steps.map((step, at) => ends[at] + step.diagonal)];
      const low = Math.min(...reach), span = Math.max(...reach) - low || 1;
      const place = (value) => 1 + (97 * (value - low)) / span;
      const bar = (className, start, end) => {
        const made = element("span", className);
        made.style.left = `${place(Math.min(start, end))}%`;
        made.style.width = `${place(Math.max(start, end)) - place(Math.min(start, end))}%`;
        return made;
      };
      const line = (name, bars, cells, className) => {
        const row = element("tr", className);
        const head = element("th");
        const text = element("span", "wi-clamp");
        text.append(...name.split(/(?<=_)/).flatMap((part, at) => (at ? [element("wbr"), part] : [part])));
        head.append(text);
        head.scope = "row";
        head.title = name;
        const track = element("td", "wi-track");
        track.append(...bars);
        row.append(head, track, ...cells);
        return row;
      };
      const end = (name, value) => line(name, [bar("mark", value, value)],
        [element("td", "number", number(value)), element("td", "wi-part"), element("td", "wi-part")], "end");
      body.replaceChildren(end("base value", found.base), ...steps.map((step, at) => {
        const between = ends[at] + step.diagonal;
        return line(step.name,
          [bar(`net ${step.value < 0 ? "down" : "up"}`, ends[at], ends[at + 1]), bar("diagonal", ends[at], between), bar("coupling", between, ends[at + 1])],
          [element("td", "number", signed(step.value)), ...[step.diagonal, step.value - step.diagonal].map((part) => element("td", "number wi-part", signed(part)))]);
      }), end("prediction", found.prediction));
    }

    /* Slower work is done in the next frames: first the proven range, then the visible curves. */
    schedule() {
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(() => {
        this.waiting = false;
        const start = performance.now();
        if (this.loose) this.bound();
        for (const at of this.data.order) {
          if (performance.now() - start > FRAME) break;
          if (this.dirty.has(at) && this.onShow(at)) this.draw(at, true);
        }
        const left = [...this.dirty].some((at) => this.onShow(at));
        if (left || (!this.sliding && this.refine(start))) this.schedule();
      });
    }

    /* Halve the region of the proven range for the rest of a frame. Return whether further halving would help. */
    refine(start) {
      const search = this.search;
      while (search && performance.now() - start < FRAME) {
        const [low, high] = search.range;
        const close = high - low <= CLOSE * (search.found[1] - search.found[0]);
        const before = performance.now();
        if (close || this.spent > REFINE || !search.halve()) this.search = null;
        this.spent += performance.now() - before;
        if (!this.search) break;
      }
      if (search) this.tell(search);
      return Boolean(this.search);
    }

    onShow(at) {
      return $("more").open || this.data.order.indexOf(at) < this.data.first;
    }

    bound() {
      this.loose = false;
      const { tolerance } = this.state;
      const moves = this.columns.map(({ at, kind, boolean }) => kind === "number" && !boolean && !Number.isNaN(this.u[at]));
      const ends = [-1, 1].map((sign) => this.u.map((u, at) => (moves[at] ? u + (sign * tolerance) / 100 : u)));
      this.columns.forEach(({ at, floor }) => {
        if (moves[at] && floor !== null) ends[0][at] = Math.max(ends[0][at], Math.min(this.u[at], this.model.coordinate(at, floor)));
      });
      const still = tolerance === 0 || !moves.some(Boolean) || !this.legible;
      this.search = still ? null : new SpectralModel.Search(this.model, this.u, ...ends, this.weights());
      this.spent = 0;
      if (still) $("range").textContent = this.legible ? this.here : "";
      else this.tell(this.search);
    }

    /* The prediction on the scale of contributions, if the first line has another scale. */
    get here() {
      return this.classes.length ? `${this.unit}: ${number(this.found.prediction)}. ` : "";
    }

    /* The proven range as text. */
    tell({ range: [low, high], found }) {
      const chance = (value) => SpectralModel.probabilities([value])[1];
      const share = this.classes.length === 2 ? ` (probability of ${this.data.target} = ${this.classes[1]}: ${chances(chance(low), chance(high))})` : "";
      $("range").textContent = `${this.here}Proven: ${outward(low, false)} to ${outward(high, true)}${share} `
        + `if every number changes by up to ${this.state.tolerance} % of its standard deviation. Found: ${number(found[0])} to ${number(found[1])}.`;
    }

    /* The curve of a column: predictions at its other values. */
    draw(at, anew = false) {
      const column = this.columns[at];
      if (anew) {
        const there = column.there || (column.there = this.grid(column));
        const { functions } = this.model, weights = this.weights();
        column.scores = this.model.curve(this.u, at, there, column.scores || new Float64Array(there.length * functions));
        const values = there.map((_, i) => weights.reduce((sum, weight, f) => sum + weight * column.scores[i * functions + f], 0));
        this.curves[at] = { there, values };
        this.dirty.delete(at);
      }
      if (!this.legible || !this.curves[at].values.every(Number.isFinite)) {
        this.cards[at].svg.replaceChildren();
        this.cards[at].ends.textContent = "";
      } else if (column.kind === "levels") this.drawLevels(column);
      else this.drawLine(column);
    }

    grid(column) {
      if (column.kind === "levels") return column.levels.map((_, place) => place);
      const knots = column.knots.filter((knot) => column.low < knot && knot < column.high);
      const points = knots.length > 40 ? 96 : 64;
      const even = Array.from({ length: points + 1 }, (_, i) => column.low + ((column.high - column.low) * i) / points)
        .map((u) => (column.kind === "date" && !column.time ? this.model.coordinate(column.at, Math.round(this.model.value(column.at, u))) : u));
      return [...even, ...(knots.length > 40 ? [] : knots)].sort((a, b) => a - b);
    }

    /* Proven bounds on the prediction at other values, from the prediction at the typical value; null if bands are
       not shown. */
    band(column) {
      const band = this.data.bands[column.at], { own, against } = this.state;
      if (!$("bands").checked || !band || (this.several && against >= 0)) return null;
      const [low, high] = band.ends[this.several ? own : 0];
      const moved = this.curves[column.at], weights = this.weights();
      const scores = this.model.curve(this.u, column.at, [band.from], new Float64Array(this.model.functions));
      const start = weights.reduce((sum, weight, f) => sum + weight * scores[f], 0);
      return moved && { at: band.at, low: low.map((end) => start + end), high: high.map((end) => start + end) };
    }

    scale(values, band) {
      let low = Math.min(...values, this.found.prediction), high = Math.max(...values, this.found.prediction);
      const room = 0.35 * (high - low) || Math.abs(high) * 0.01 || 1;
      if (band) {
        low = Math.max(Math.min(low, ...band.low), low - room);
        high = Math.min(Math.max(high, ...band.high), high + room);
      }
      return (value) => 57 - (54 * (Math.min(Math.max(value, low - 3 * room), high + 3 * room) - low)) / (high - low || 1);
    }

    drawLine(column) {
      const { there, values } = this.curves[column.at], card = this.cards[column.at], band = this.band(column);
      const y = this.scale(values, band), x = (u) => (200 * (u - column.low)) / (column.high - column.low);
      const path = (us, vs) => us.map((u, i) => `${x(u).toFixed(1)} ${y(vs[i]).toFixed(1)}`).join("L");
      const parts = [];
      if (band) {
        parts.push(drawing("path", "wi-band", { d: `M${path(band.at, band.high)}L${path(band.at.slice().reverse(), band.low.slice().reverse())}Z` }));
        parts.push(...[band.low, band.high].map((end) => drawing("path", "wi-end", { d: `M${path(band.at, end)}` })));
      }
      const here = y(this.found.prediction).toFixed(1);
      parts.push(drawing("line", "wi-here", { x1: 0, x2: 200, y1: here, y2: here }));
      const ticks = column.knots.filter((knot) => column.low < knot && knot < column.high).map((knot) => `M${x(knot).toFixed(1)} 60V55`).join("");
      if (ticks) parts.push(drawing("path", "wi-knots", { d: ticks }));
      parts.push(drawing("path", "wi-line", { d: `M${path(there, values)}` }));
      const own = this.u[column.at];
      if (!Number.isNaN(own)) {
        const mark = x(Math.min(Math.max(own, column.low), column.high)).toFixed(1);
        parts.push(drawing("line", "wi-mark", { x1: mark, x2: mark, y1: 0, y2: 60 }));
      }
      card.svg.replaceChildren(...parts);
      const [from, to] = [column.low, column.high].map((u) => this.model.value(column.at, u))
        .map((value) => (column.kind === "date" ? isoOf(column, value) : number(value)));
      card.ends.textContent = `${from} to ${to}: prediction ${number(Math.min(...values))} to ${number(Math.max(...values))}`;
    }

    drawLevels(column) {
      const { values } = this.curves[column.at], card = this.cards[column.at], band = this.band(column);
      if (!values.length) return;
      const y = this.scale(values, band), width = 200 / values.length, parts = [];
      values.forEach((value, place) => {
        const middle = (place + 0.5) * width, half = Math.min(width * 0.35, 12);
        if (band) parts.push(drawing("line", "wi-whisker", { x1: middle, x2: middle, y1: y(band.low[place]), y2: y(band.high[place]) }));
        if (this.u[column.at] === place) parts.push(drawing("line", "wi-mark", { x1: middle, x2: middle, y1: 0, y2: 60 }));
        parts.push(drawing("line", "wi-level", { x1: middle - half, x2: middle + half, y1: y(value), y2: y(value) }));
      });
      const here = y(this.found.prediction).toFixed(1);
      card.svg.replaceChildren(drawing("line", "wi-here", { x1: 0, x2: 200, y1: here, y2: here }), ...parts);
      const [low, high] = [Math.min(...values), Math.max(...values)];
      const named = (value) => `${number(value)} (${column.levels[values.indexOf(value)]})`;
      card.ends.textContent = `prediction ${named(low)} to ${named(high)}`;
    }

    /* Notes on the display. */
    notes() {
      const lines = [
        `Contributions are measured against the mean of the background (${this.data.background}). They add up to the difference between the base value and the prediction. The unit is ${this.unit}.`,
        `Grey bars show ${this.data.source}. The blue line is the prediction when only this column changes, the black line is the current value, and the dashed line is the current prediction.${this.columns.some(({ knots }) => knots.length) ? " Ticks mark knots, between which the column enters linearly." : ""}`,
      ];
      if (Object.values(this.data.bands).some(Boolean)) {
        lines.push("The orange bands are proven: a change of this column from its typical value cannot change the prediction beyond the band, for any values of the other columns. Bands are proven at 33 or more values of a number, with straight lines between them.");
      }
      lines.push("The proven range holds for all combinations of changes within the tolerance. Standard deviations are from the training rows, and are those of logarithms if the model uses them. Levels, dates, missing values and columns of 0 and 1 do not change. The range becomes tighter for one second after each change.");
      return lines;
    }
  }

  /* Nearest change that reaches a target: the controls, and the result of nearest.js. */
  class Target {
    constructor(panel) {
      Object.assign(this, { panel, found: null, clock: 0 });
      const { classes } = panel;
      $("goal-number").hidden = classes.length > 0;
      $("goal-class").hidden = !classes.length;
      $("goal-label").append(...classes.map(option));
      $("seek").addEventListener("toggle", () => this.open());
      $("find").addEventListener("click", () => this.find());
      for (const name of ["goal-side", "goal-value", "goal-label"]) $(name).addEventListener("change", () => this.clear());
      for (const { lock } of panel.cards) lock.addEventListener("change", () => this.clear());
      $("goal-value").addEventListener("keydown", (event) => { if (event.key === "Enter") this.find(); });
    }

    /* Show the check boxes “keep” while the search is open. */
    open() {
      document.getElementById("wi").classList.toggle("wi-seeking", $("seek").open);
      if ($("goal-value").value === "") $("goal-value").value = Number((1.1 * this.panel.found.prediction).toPrecision(3));
      this.suggest();
    }

    /* The predicted class cannot be the target. */
    suggest() {
      if (!this.panel.classes.length) return;
      const now = this.now(this.panel.u);
      for (const choice of $("goal-label").options) choice.disabled = Number(choice.value) === now;
      if (Number($("goal-label").value) === now) $("goal-label").value = now ? 0 : 1;
    }

    now(u) {
      const scores = this.panel.model.scores(u);
      return this.panel.several ? scores.indexOf(Math.max(...scores)) : Number(scores[0] > 0);
    }

    clear() {
      this.clock += 1;
      this.found = null;
      $("nearest").replaceChildren();
      if ($("seek").open) this.suggest();
    }

    /* The target as functions that must become positive; null if there is no target. */
    conditions() {
      const { classes, several } = this.panel;
      if (several) {
        const wanted = Number($("goal-label").value);
        const weights = (other) => classes.map((_, at) => Number(at === wanted) - Number(at === other));
        return [...classes.keys()].filter((at) => at !== wanted).map((other) => ({ weights: weights(other), add: 0 }));
      }
      if (classes.length) return [{ weights: [Number($("goal-label").value) ? 1 : -1], add: 0 }];
      const text = $("goal-value").value, sign = Number($("goal-side").value);
      return text === "" || !Number.isFinite(Number(text)) ? null : [{ weights: [sign], add: -sign * Number(text) }];
    }

    /* The columns that may change, as in counterfactual without limits: numbers and dates within the training range,
       and known levels; missing values stay missing. */
    columns() {
      const { panel } = this, { u } = panel;
      return panel.columns.filter(({ at }) => !panel.cards[at].lock.checked && !Number.isNaN(u[at])).map((column) => {
        const { at, axis, kind } = column, own = u[at];
        if (kind === "levels") {
          return { at, levels: [...axis.levels.keys()].filter((place) => place !== own && place !== axis.other && axis.levels[place] !== "missing") };
        }
        const ends = axis.low === null ? [column.low, column.high]
          : [axis.low, axis.high].map((value) => panel.model.coordinate(at, value));
        const [low, high] = [Math.min(ends[0], own), Math.max(ends[1], own)];
        return { at, low, high, step: this.step(column), calendar: kind === "date" && axis.width > 1 };
      }).filter(({ levels, low, high }) => (levels ? levels.length : low < high));
    }

    /* The step of the values of a column, 0 for any number. */
    step({ kind, time, integral, at }) {
      if (kind === "date") return time ? 1 / 86400 : 1;
      const value = this.panel.state.values[at];
      return Number(integral && Math.abs(value - Math.round(value)) <= 1e-6 * Math.max(1, Math.abs(value)));
    }

    async find() {
      const { panel } = this, conditions = this.conditions(), columns = this.columns();
      this.clear();
      const clock = this.clock, say = (text) => $("nearest").replaceChildren(element("p", "", text));
      if (!panel.legible) say("These values are too extreme to start a search.");
      else if (conditions === null) say("Set a number as the target.");
      else if (!columns.length) say("No column may change: uncheck “keep” for at least one column.");
      else {
        say("Searching …");
        await new Promise((done) => { setTimeout(done, 20); });
        if (clock !== this.clock) return;
        const search = new NearestChange(panel.model, panel.u, columns, conditions);
        if (search.value(panel.u) >= 0) say("The row already reaches this target.");
        else this.tell(search.run());
      }
    }

    /* The values found. Numbers are rounded to a ten-thousandth of a standard deviation, away from the row's
       own value, if they still reach the target. */
    values(search) {
      const { panel } = this, values = panel.state.values.slice();
      let { found } = search;
      for (const column of search.columns) {
        const { at, levels, step, low, high } = column, own = values[at];
        if (found[at] === search.start[at]) continue;
        values[at] = levels ? found[at] : panel.model.value(at, found[at]);
        if (levels) continue;
        const axis = panel.columns[at].axis;
        if (axis.low !== null) values[at] = Math.min(Math.max(values[at], Math.min(axis.low, own)), Math.max(axis.high, own));
        if (step) values[at] = step < 1 ? Math.round(values[at] / step) * step : Math.round(values[at]);
        else {
          const fine = axis.scale * 1e-4 * (axis.log ? values[at] : 1), digits = Math.min(Math.max(Math.ceil(-Math.log10(fine)), 0), 20);
          const factor = 10 ** digits, rounded = Number(((values[at] > own ? Math.ceil : Math.floor)(values[at] * factor) / factor).toFixed(digits));
          const x = panel.model.coordinate(at, rounded);
          if (low <= x && x <= high && search.value(search.moved(found, column, x)) >= 0) values[at] = rounded;
        }
        found = search.moved(found, column, panel.coordinate(at, values[at]));
      }
      return values;
    }

    tell(search) {
      const { panel } = this, box = $("nearest");
      if (!search.found) {
        box.replaceChildren(element("p", "", "The search in this page found no change that reaches the target within the training range, with the checked columns fixed. This does not prove that there is none."));
        return;
      }
      const values = this.values(search), u = values.map((value, at) => panel.coordinate(at, value));
      this.found = { values, distance: search.size(u), reached: search.value(u) >= 0 };
      const changed = search.columns.filter(({ at }) => values[at] !== panel.state.values[at])
        .sort((one, other) => search.cost(other, u[other.at]) - search.cost(one, u[one.at]));
      const body = element("tbody");
      body.append(...changed.map((column) => {
        const row = element("tr"), head = element("th", "", panel.columns[column.at].title);
        head.scope = "row";
        const cells = [panel.state.values, values].map((from) => element("td", "number", this.text(column.at, from[column.at])));
        row.append(head, ...cells, element("td", "number", number(search.cost(column, u[column.at]))));
        return row;
      }));
      const table = element("table"), head = element("tr"), top = element("thead");
      head.append(...["column", "from", "to", "size"].map((text, i) => Object.assign(element("th", i ? "number" : "", text), { scope: "col" })));
      top.append(head);
      table.append(top, body);
      const scroll = element("div", "scroll");
      scroll.append(table);
      const controls = element("div", "controls"), apply = element("button", "", "Apply");
      controls.append(apply);
      apply.type = "button";
      apply.addEventListener("click", () => panel.commit({ ...panel.state, values }));
      box.replaceChildren(element("p", "", `${this.prediction(u)} The size of the change is ${number(this.found.distance)} standard deviations; a change of level counts as 1.`),
        scroll, controls, element("p", "small", "This is the nearest change found by the search in this page. It is not proven to be the nearest: the function counterfactual in Python gives a proven lower bound. The model predicts for changed values; this does not mean that the change would cause the outcome."));
    }

    text(at, value) {
      const column = this.panel.columns[at];
      if (column.kind === "levels") return value === null ? "any other value" : column.levels[value];
      return column.kind === "date" ? isoOf(column, value) : value.toLocaleString("en", { maximumSignificantDigits: 8, useGrouping: "min2" }).replace("-", "−");
    }

    prediction(u) {
      const { model, data, classes } = this.panel, scores = model.scores(u);
      if (!classes.length) return `Prediction after the change: ${number(scores[0])}${data.unit === data.target ? "" : ` (${data.unit})`}.`;
      const at = this.now(u);
      return `Prediction after the change: ${classes[at]}, probability ${percent(SpectralModel.probabilities(scores)[at])}.`;
    }
  }

  const open = async () => {
    const data = JSON.parse(document.getElementById("whatif-data").textContent);
    if (typeof DecompressionStream === "undefined") {
      $("failed").hidden = false;
      return;
    }
    const model = await SpectralModel.from(data.model);
    document.getElementById("wi").hidden = false;
    const panel = new Panel(data, model);
    $("notes").append(...panel.notes().map((line) => element("p", "", line)));
    document.getElementById("whatif").panel = panel;
  };
  open();
})();
