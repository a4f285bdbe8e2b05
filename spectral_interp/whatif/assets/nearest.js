"use strict";

/* Search for the nearest change of a row that reaches a target. The result is evaluated but not proven to be nearest.

   The distance is "scaled l1" of nearest/moves.py: the sum of the changes of coordinates, plus 1 for every change of
   level. The search tries every column alone, along its curve, and then several columns together, by gain per distance
   and by the linear steps of nearest/descent.py. Then it moves columns back as far as the target is still reached. */
const NearestChange = (() => {
  const FINE = 64;
  const COARSE = 16;
  const YEAR = 366;
  const STEPS = 15;
  const STARTS = 6;
  const MARGIN = 1e-9; // relative margin beyond the target, so that rounding elsewhere does not matter
  const EXACT = 1e-9;
  const POLISHED = 1e-3;
  const clip = (x, low, high) => Math.min(Math.max(x, low), high);

  class NearestChange {
    /* u: the row. columns: the columns that may change, as { at, levels } with the positions of other levels, or
       { at, low, high, step, calendar } with coordinates, and the step of values or 0.
       conditions: { weights, add }; Σ weights · scores + add must become positive for each. */
    constructor(model, u, columns, conditions) {
      Object.assign(this, { model, start: u, columns, conditions, found: null, distance: Infinity, margin: 0 });
      const sizes = conditions.map(({ add }) => Math.abs(add));
      this.margin = MARGIN * Math.max(1, ...sizes, Math.abs(this.value(u)));
    }

    /* The distance of scores beyond the target. */
    beyond(scores, first = 0) {
      let least = Infinity;
      for (const { weights, add } of this.conditions) {
        least = Math.min(least, weights.reduce((sum, weight, f) => sum + weight * scores[first + f], add));
      }
      return least - this.margin;
    }

    value(u) {
      return this.beyond(this.model.scores(u));
    }

    /* The same for several coordinates of one column. */
    along(u, { at }, places) {
      const { functions } = this.model;
      const scores = this.model.curve(u, at, places, new Float64Array(places.length * functions));
      return places.map((_, i) => this.beyond(scores, i * functions));
    }

    cost({ at, levels }, x) {
      return levels ? Number(x !== this.start[at]) : Math.abs(x - this.start[at]);
    }

    size(u) {
      return this.columns.reduce((sum, column) => sum + this.cost(column, u[column.at]), 0);
    }

    moved(u, { at }, x) {
      const found = u.slice();
      found[at] = x;
      return found;
    }

    /* The nearest legal coordinate: within the range, and of a whole number, day or second if the column has a step;
       rounded away from the row's own value if requested. */
    legal(column, x, away = false) {
      const { at, levels, low, high, step } = column, own = this.start[at];
      if (levels || x === own || !step) return levels ? x : clip(x, low, high);
      const base = this.model.value(at, own), way = (this.model.value(at, x) - base) / step;
      const count = away ? Math.sign(way) * Math.ceil(Math.abs(way) - 1e-6) : Math.round(way);
      const rounded = step < 1 ? base + count * step : Math.round(base + count * step);
      return count === 0 ? own : clip(this.model.coordinate(at, rounded), low, high);
    }

    legalised(u, away = false) {
      const found = u.slice();
      for (const column of this.columns) found[column.at] = this.legal(column, u[column.at], away);
      return found;
    }

    /* Coordinates to try, in ascending order and no further than the change found so far: knots and a grid, all near
       days for dates with a calendar, or the other levels. */
    places(column, count) {
      const { at, levels, calendar } = column;
      if (levels) return this.distance > 1 ? levels : [];
      const low = Math.max(column.low, this.start[at] - this.distance), high = Math.min(column.high, this.start[at] + this.distance);
      const { knots, scale } = this.model.axes[at], even = Array.from({ length: count + 1 }, (_, i) => low + ((high - low) * i) / count);
      const days = calendar && count === FINE ? Array.from({ length: 2 * YEAR + 1 }, (_, i) => this.start[at] + (i - YEAR) / scale) : [];
      const all = [...even, ...knots, ...days].filter((x) => low <= x && x <= high).map((x) => this.legal(column, x));
      return [...new Set(all)].sort((a, b) => a - b);
    }

    /* The legal coordinate that reaches the target, closest to one that does not. */
    crossing(u, column, from, to) {
      let [below, above] = this.along(u, column, [from, to]);
      for (let i = 0; i < 100 && Math.abs(to - from) > EXACT * (1 + Math.abs(to)); i++) {
        const share = i % 2 ? 0.5 : clip(below / (below - above), 1e-6, 1 - 1e-6);
        const middle = this.legal(column, from + share * (to - from));
        if (middle === from || middle === to) {
          if (i % 2) break;
          continue;
        }
        const [here] = this.along(u, column, [middle]);
        if (here >= 0) [to, above] = [middle, here];
        else [from, below] = [middle, here];
      }
      return to;
    }

    /* Move changed columns back as far as the target is still reached, in increasing order of cost. */
    back(u) {
      let found = u;
      const changed = this.columns.filter(({ at }) => u[at] !== this.start[at]);
      changed.sort((one, other) => this.cost(one, u[one.at]) - this.cost(other, u[other.at]));
      for (const column of changed) {
        const own = this.start[column.at], without = this.moved(found, column, own);
        if (this.value(without) >= 0) found = without;
        else if (!column.levels) found = this.moved(found, column, this.crossing(found, column, own, found[column.at]));
      }
      return found;
    }

    offer(u, away = false) {
      const legal = this.legalised(u, away);
      if (!(this.value(legal) >= 0)) return false;
      const found = this.back(legal), size = this.size(found);
      if (size < this.distance) Object.assign(this, { found, distance: size });
      return true;
    }

    /* Changes of one column. Returns the point of each column that is closest to the target, the best first. */
    singles() {
      const closest = this.columns.map((column) => {
        const places = this.places(column, FINE), values = this.along(this.start, column, places), own = this.start[column.at];
        if (column.levels) places.forEach((x, i) => { if (values[i] >= 0) this.offer(this.moved(this.start, column, x)); });
        else {
          for (const side of [-1, 1]) {
            const way = [...places.keys()].filter((i) => side * (places[i] - own) > 0);
            if (side < 0) way.reverse();
            const first = way.findIndex((i) => values[i] >= 0);
            if (first < 0 || this.cost(column, first ? places[way[first - 1]] : own) >= this.distance) continue;
            const x = this.crossing(this.start, column, first ? places[way[first - 1]] : own, places[way[first]]);
            this.offer(this.moved(this.start, column, x));
          }
        }
        const best = Math.max(...values, -Infinity);
        return { best, u: this.moved(this.start, column, places[values.indexOf(best)]) };
      });
      return closest.filter(({ best }) => best > -Infinity).sort((one, other) => other.best - one.best).slice(0, STARTS).map(({ u }) => u);
    }

    /* Changes of one column after another, each with the largest gain per distance. */
    greedy(u) {
      for (let i = 0; i < 2 * this.columns.length; i++) {
        const here = this.value(u);
        if (here >= 0) break;
        let best = { rate: 0 };
        for (const column of this.columns) {
          const places = this.places(column, COARSE), now = this.cost(column, u[column.at]);
          this.along(u, column, places).forEach((value, j) => {
            const gain = Math.min(value, 0) - here, more = this.cost(column, places[j]) - now;
            const rate = gain > MARGIN * -here ? gain / Math.max(more, EXACT) : 0;
            if (rate > best.rate) best = { rate, column, x: places[j], reached: value >= 0 };
          });
        }
        if (!best.rate) break;
        const { column, x, reached } = best;
        u = this.moved(u, column, reached && !column.levels ? this.crossing(u, column, u[column.at], x) : x);
      }
      return u;
    }

    /* The value of the condition that is missed most, its slopes, and the size of the change. */
    slopes(u) {
      const { conditions, model } = this, size = this.size(u);
      if (conditions.length === 1) {
        const { value, slopes } = model.slopes(u, conditions[0].weights);
        return { value: value + conditions[0].add - this.margin, slopes, size };
      }
      const scores = model.scores(u), sums = conditions.map(({ weights, add }) =>
        weights.reduce((sum, weight, f) => sum + weight * scores[f], add));
      const { slopes } = model.slopes(u, conditions[sums.indexOf(Math.min(...sums))].weights);
      return { value: this.beyond(scores), slopes, size };
    }

    /* Linear steps in a trust region. Returns the nearest point that reaches the target, or the last point. */
    descend(u, columns) {
      let reach = 1, here = this.slopes(u), best = here.value >= 0 ? { u, size: here.size } : { u: null, size: Infinity };
      const steepest = (slopes) => Math.min(1e6, 2 / Math.max(1e-12, ...columns.map(({ at }) => Math.abs(slopes[at]))));
      let penalty = steepest(here.slopes), merit = here.size + penalty * Math.max(-here.value, 0);
      for (let i = 0; i < STEPS && reach > 1e-5; i++) {
        const tried = this.step(u, here, reach, columns), there = this.slopes(tried);
        penalty = Math.max(penalty, steepest(there.slopes));
        const size = there.size + penalty * Math.max(-there.value, 0);
        if (there.value >= 0 && there.size < best.size) best = { u: tried, size: there.size };
        reach *= size < merit ? 1.5 : 0.4;
        if (size < merit) [u, here, merit] = [tried, there, size];
      }
      return best.u || u;
    }

    /* The cheapest point that reaches the target on the tangent plane: columns move back, then the steepest ones move. */
    step(u, { value, slopes }, reach, columns) {
      const found = u.slice();
      let missing = -value;
      const ways = columns.map(({ at, low, high }) => {
        const ends = [Math.max(low, u[at] - reach), Math.min(high, u[at] + reach)];
        found[at] = clip(this.start[at], ...ends);
        missing -= slopes[at] * (found[at] - u[at]);
        return { at, slope: Math.abs(slopes[at]), end: ends[slopes[at] > 0 ? 1 : 0] };
      });
      missing *= 1 + POLISHED;
      for (const { at, slope, end } of ways.sort((one, other) => other.slope - one.slope)) {
        const gain = slope * Math.abs(end - found[at]);
        if (!(missing > 0 && gain > 0)) continue;
        found[at] += clip(missing / gain, 0, 1) * (end - found[at]);
        missing -= gain;
      }
      return found;
    }

    /* Search from a point, and also from rounded values of columns with steps, while the other columns move again. */
    attempt(u) {
      const numbers = this.columns.filter(({ levels }) => !levels), smooth = numbers.filter(({ step }) => !step);
      this.offer(u);
      const rough = this.descend(u, numbers);
      if (!this.offer(rough) && !this.found) this.offer(this.greedy(this.legalised(rough)));
      if (smooth.length === numbers.length) return;
      for (const away of [false, true]) {
        const rounded = this.legalised(rough, away);
        this.offer(rounded);
        this.offer(this.descend(rounded, smooth));
      }
    }

    /* Search again with single columns reset and with smaller changes, as long as this helps. */
    polish() {
      for (let before = Infinity; this.found && this.distance < (1 - POLISHED) * before;) {
        before = this.distance;
        const { found } = this, changed = this.columns.filter(({ at }) => found[at] !== this.start[at]);
        for (const column of changed) this.attempt(this.moved(found, column, this.start[column.at]));
        for (const share of [0.9, 0.7]) {
          const shrunk = found.slice();
          for (const { at, levels } of this.columns) if (!levels) shrunk[at] = this.start[at] + share * (found[at] - this.start[at]);
          this.attempt(shrunk);
        }
      }
    }

    /* Run the search. Then found is the changed row or null, and distance is its distance. */
    run() {
      const starts = this.singles();
      for (const u of [this.start, this.greedy(this.start), ...starts]) this.attempt(u);
      this.polish();
      return this;
    }
  }

  return NearestChange;
})();
