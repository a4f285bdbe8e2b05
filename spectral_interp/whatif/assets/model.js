"use strict";

/* The model as computed by spectral_interp: f(z) = Σ_n λ_k(A_0 + Σ_i z_i A_i) in float64. It does not use the page.

   A row is an array of coordinates u, one per column: standard deviations for a number or a date, the position of a
   level; NaN if a value is missing or unknown. Matrices of order d are vectors of E entries, starting with the
   diagonal. The entries of neuron n start at n · E. */
const SpectralModel = (() => {
  const ROUNDING = 1e-12;
  const CLEAR = 1e-6;
  const LARGEST = 1e150; // largest norm whose square is finite
  const DAY = 86400;

  /* Diagonalise the tridiagonal matrix with the bands a (n) and b (n, the last unused) by the implicit QL algorithm
     (Bowdler, Martin, Reinsch and Wilkinson 1968). The rotations are also applied to the n rows of w. If entries are
     too large to be squared, a becomes NaN. */
  const diagonalise = (n, a, b, w) => {
    let norm = 0;
    b[n - 1] = 0;
    for (let i = 0; i < n; i++) norm = Math.max(norm, Math.abs(a[i]) + Math.abs(b[i]) + (i ? Math.abs(b[i - 1]) : 0));
    if (!(norm <= LARGEST)) {
      a.fill(NaN);
      return;
    }
    const none = 2 ** -53 * norm;
    for (let l = 0; l < n; l++) {
      for (let tries = 0; tries < 60; tries++) {
        let m = l;
        while (m < n - 1 && Math.abs(b[m]) > none) m++;
        if (m === l) break;
        const shift = (a[l + 1] - a[l]) / (2 * b[l]);
        const root = Math.sqrt(shift * shift + 1);
        let g = a[m] - a[l] + b[l] / (shift + (shift >= 0 ? root : -root));
        let s = 1, c = 1, p = 0, i = m - 1;
        for (; i >= l; i--) {
          const f = s * b[i], h = c * b[i];
          let r = Math.sqrt(f * f + g * g);
          b[i + 1] = r;
          if (r === 0) {
            a[i + 1] -= p;
            b[m] = 0;
            break;
          }
          s = f / r;
          c = g / r;
          g = a[i + 1] - p;
          r = (a[i] - g) * s + 2 * c * h;
          p = s * r;
          a[i + 1] = g + p;
          g = c * r - h;
          if (w !== null) {
            const upper = i * n, lower = upper + n;
            for (let j = 0; j < n; j++) {
              const x = w[lower + j], y = w[upper + j];
              w[lower + j] = s * y + c * x;
              w[upper + j] = c * y - s * x;
            }
          }
        }
        if (i >= l) continue;
        a[l] -= p;
        b[l] = g;
        b[m] = 0;
      }
    }
  };

  /* Reduce a full symmetric matrix (n × n) to bands by Householder reflections. The rows of w become the columns of
     their product. */
  const tridiagonalise = (n, full, a, b, w, v, q) => {
    if (w !== null) {
      w.fill(0, 0, n * n);
      for (let i = 0; i < n; i++) w[i * n + i] = 1;
    }
    for (let k = 0; k < n - 2; k++) {
      let norm = 0;
      for (let i = k + 2; i < n; i++) norm = Math.max(norm, Math.abs(full[i * n + k]));
      if (norm === 0) continue;
      norm = Math.max(norm, Math.abs(full[(k + 1) * n + k]));
      let length = 0;
      for (let i = k + 1; i < n; i++) {
        v[i] = full[i * n + k] / norm;
        length += v[i] * v[i];
      }
      v[k + 1] += v[k + 1] >= 0 ? Math.sqrt(length) : -Math.sqrt(length);
      let size = 0;
      for (let i = k + 1; i < n; i++) size += v[i] * v[i];
      const factor = 2 / size;
      for (let i = k; i < n; i++) {
        q[i] = 0;
        for (let j = k + 1; j < n; j++) q[i] += full[i * n + j] * v[j];
        q[i] *= factor;
      }
      let half = 0;
      for (let i = k + 1; i < n; i++) half += q[i] * v[i];
      half *= factor / 2;
      for (let i = k + 1; i < n; i++) q[i] -= half * v[i];
      for (let i = k + 1; i < n; i++) {
        for (let j = k + 1; j < n; j++) full[i * n + j] -= v[i] * q[j] + q[i] * v[j];
        full[i * n + k] -= v[i] * q[k];
        full[k * n + i] = full[i * n + k];
      }
      if (w !== null) {
        for (let r = 0; r < n; r++) {
          let dot = 0;
          for (let j = k + 1; j < n; j++) dot += w[j * n + r] * v[j];
          dot *= factor;
          for (let j = k + 1; j < n; j++) w[j * n + r] -= dot * v[j];
        }
      }
    }
    for (let i = 0; i < n; i++) {
      a[i] = full[i * n + i];
      b[i] = i < n - 1 ? full[(i + 1) * n + i] : 0;
    }
  };

  /* The segment of u between knots, as in hats.py. */
  const segment = (u, knots) => {
    let place = 0, end = knots.length - 1;
    while (end - place > 1) {
      const middle = (place + end) >> 1;
      if (u < knots[middle]) end = middle;
      else place = middle;
    }
    return place;
  };

  /* Add a multiple of the hat functions of the knots at u to z, starting at a given feature. */
  const addHats = (z, first, u, knots, factor) => {
    const place = segment(u, knots);
    const share = (u - knots[place]) / (knots[place + 1] - knots[place]);
    z[first + place] += factor * (1 - share);
    z[first + place + 1] += factor * share;
  };

  const modulo = (x, y) => ((x % y) + y) % y;

  /* Month, weekday and hour of days since 1970-01-01, as positions of levels. */
  const calendar = (days) => {
    const seconds = Math.floor(days * DAY + 1e-3);
    const whole = Math.floor(seconds / DAY);
    return {
      month: new Date(whole * DAY * 1000).getUTCMonth(),
      weekday: modulo(whole + 3, 7),
      hour: modulo(Math.floor(seconds / 3600), 24),
    };
  };

  class SpectralModel {
    /* data: from model.py. entries: float64, (features in use + 1) × N × E. centre: the mean features of the background.
       positions: coordinates of the background, (columns in pairs) × rows. */
    constructor(data, entries, centre, positions) {
      this.axes = data.axes;
      this.pairs = data.pairs;
      this.functions = data.functions;
      this.of = Int32Array.from(data.function);
      this.k = Int32Array.from(data.k);
      this.dim = data.dim;
      this.dense = data.dense;
      this.count = data.k.length;
      this.size = data.dense ? (data.dim * (data.dim + 1)) / 2 : 2 * data.dim - 1;
      this.each = this.count * this.size;
      this.entries = entries;
      this.features = data.features;
      this.rowOf = new Int32Array(this.features).fill(-1);
      data.used.forEach((feature, at) => { this.rowOf[feature] = at + 1; });
      this._arrange();
      this._allocate();
      this.centre = centre;
      this.start = new Float64Array(this.each);
      this.sum(centre, this.start);
      const rows = positions.length / (data.paired.length || 1);
      this.positions = new Map(data.paired.map((column, at) => [column, positions.subarray(at * rows, (at + 1) * rows)]));
    }

    _arrange() {
      let first = 0;
      for (const axis of this.axes) {
        axis.first = first;
        first += axis.width;
        axis.pairs = [];
      }
      for (const pair of this.pairs) {
        pair.own = first;
        first += pair.knots.length;
        this.axes[pair.first].pairs.push(pair);
        this.axes[pair.second].pairs.push(pair);
      }
    }

    _allocate() {
      const { dim, each, count, features } = this;
      this.z = new Float64Array(features);
      this.moved = new Float64Array(features);
      this.matrices = new Float64Array(each);
      this.rest = new Float64Array(each);
      this.a = new Float64Array(dim);
      this.b = new Float64Array(dim);
      this.w = new Float64Array(dim * dim);
      this.full = this.dense ? new Float64Array(dim * dim) : null;
      this.v = new Float64Array(dim);
      this.q = new Float64Array(dim);
      this.products = new Float64Array(each);
      this.values = new Float64Array(count);
    }

    /* The coordinate of a value: a number, days since 1970-01-01, the text of a level, or null if missing. */
    coordinate(column, value) {
      const axis = this.axes[column];
      if (axis.kind === "levels") {
        const place = axis.levels.indexOf(value === null ? "missing" : value);
        return place >= 0 ? place : axis.other === null ? NaN : axis.other;
      }
      if (value === null) return NaN;
      if (axis.kind === "date") return ((axis.time ? value : Math.floor(value)) - axis.mean) / axis.scale;
      const x = axis.floor === null ? value : Math.max(value, axis.floor);
      return ((axis.log ? Math.log(x) : x) - axis.mean) / axis.scale;
    }

    /* The value at a coordinate of a number or date. */
    value(column, u) {
      const axis = this.axes[column], x = axis.mean + axis.scale * u;
      return axis.log ? Math.exp(x) : x;
    }

    /* The coordinate used for u: for a missing value, its replacement. */
    position(column, u) {
      const axis = this.axes[column];
      if (!Number.isNaN(u) || axis.kind === "levels") return u;
      return axis.median === null ? 0 : this.coordinate(column, axis.median);
    }

    /* Write the features of a column at u. */
    placeColumn(column, u, z) {
      const axis = this.axes[column], first = axis.first;
      if (axis.kind === "levels") {
        for (let i = 0; i < axis.width; i++) z[first + i] = Number.isNaN(u) ? 0 : (u === i ? 1 : 0) - axis.shares[i];
        return;
      }
      const gap = Number.isNaN(u), x = this.position(column, u);
      let next = first + 1;
      if (axis.kind === "date") {
        z[first] = x;
        next = this._placeCalendar(axis, u, z, next);
      } else if (axis.knots.length) {
        z.fill(0, first, first + axis.knots.length);
        addHats(z, first, x, axis.knots, 1);
        next = first + axis.knots.length;
      } else {
        z[first] = x;
      }
      if (axis.median !== null) z[next] = (gap ? 1 : 0) - axis.missing;
    }

    _placeCalendar(axis, u, z, next) {
      const days = axis.mean + axis.scale * u;
      const found = Number.isNaN(u) ? null : calendar(axis.time ? days : Math.round(days));
      for (const part of ["month", "weekday", "hour"]) {
        const shares = axis[part];
        const none = found === null || !(shares[found[part]] > 0);
        for (let i = 0; i < shares.length; i++) {
          if (shares[i] > 0) z[next++] = none ? 0 : (found[part] === i ? 1 : 0) - shares[i];
        }
      }
      return next;
    }

    /* Write the features of a pair whose columns have the given positions. */
    placePair(pair, one, other, z, factor = 1) {
      addHats(z, pair.own, (one + pair.sign * other - pair.mean) / pair.scale, pair.knots, factor);
    }

    /* Write all features at u. */
    place(u, z) {
      for (let c = 0; c < this.axes.length; c++) this.placeColumn(c, u[c], z);
      for (const pair of this.pairs) {
        z.fill(0, pair.own, pair.own + pair.knots.length);
        this.placePair(pair, this.position(pair.first, u[pair.first]), this.position(pair.second, u[pair.second]), z);
      }
    }

    /* Add z_i A_i of one feature to matrices. */
    add(feature, factor, into) {
      const row = this.rowOf[feature];
      if (factor === 0 || row < 0) return;
      const { entries, each } = this, start = row * each;
      for (let e = 0; e < each; e++) into[e] += factor * entries[start + e];
    }

    /* Write A_0 + Σ z_i A_i. */
    sum(z, into) {
      for (let e = 0; e < this.each; e++) into[e] = this.entries[e];
      for (let f = 0; f < this.features; f++) this.add(f, z[f], into);
    }

    /* Solve the matrix of a neuron: write unsorted eigenvalues to a, and eigenvectors to the rows of w if requested. */
    _solve(matrices, n, vectors) {
      const { dim, size, a, b } = this, start = n * size, w = vectors ? this.w : null;
      if (this.dense) {
        for (let i = 0, e = start + dim; i < dim; i++) {
          this.full[i * dim + i] = matrices[start + i];
          for (let j = i + 1; j < dim; j++, e++) this.full[i * dim + j] = this.full[j * dim + i] = matrices[e];
        }
        tridiagonalise(dim, this.full, a, b, w, this.v, this.q);
      } else {
        for (let j = 0; j < dim; j++) a[j] = matrices[start + j];
        for (let j = 0; j < dim - 1; j++) b[j] = matrices[start + dim + j];
        if (vectors) {
          w.fill(0);
          for (let j = 0; j < dim; j++) w[j * dim + j] = 1;
        }
      }
      diagonalise(dim, a, b, w);
    }

    /* The eigenvalue of a neuron. */
    eigenvalue(matrices, n) {
      const { a, dim } = this;
      this._solve(matrices, n, false);
      for (let i = 1; i < dim; i++) {
        const x = a[i];
        let j = i;
        for (; j > 0 && x < a[j - 1]; j--) a[j] = a[j - 1];
        a[j] = x;
      }
      return a[this.k[n]];
    }

    /* Sort eigenvalues in ascending order, with their eigenvectors. */
    _sort() {
      const { dim, a, w } = this;
      for (let i = 1; i < dim; i++) {
        for (let j = i; j > 0 && a[j] < a[j - 1]; j--) {
          [a[j], a[j - 1]] = [a[j - 1], a[j]];
          for (let r = 0, x = j * dim, y = x - dim; r < dim; r++, x++, y++) [w[x], w[y]] = [w[y], w[x]];
        }
      }
    }

    /* Add the values of all functions of given matrices to scores, starting at a given position. */
    _addScores(matrices, scores, first) {
      scores.fill(0, first, first + this.functions);
      for (let n = 0; n < this.count; n++) scores[first + this.of[n]] += this.eigenvalue(matrices, n);
    }

    /* The values of all functions at u: a number, log-odds, or the score of every class minus the mean score. */
    scores(u) {
      const found = new Float64Array(this.functions);
      this.place(u, this.z);
      this.sum(this.z, this.matrices);
      this._addScores(this.matrices, found, 0);
      return this.functions > 1 ? SpectralModel.centred(found) : found;
    }

    /* Σ_c weight_c f_c at u. */
    combined(u, weights) {
      return this.scores(u).reduce((sum, score, f) => sum + weights[f] * score, 0);
    }

    static centred(scores) {
      const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
      return scores.map((score) => score - mean);
    }

    /* Probabilities from the log-odds of the second of two classes, or from the scores of several classes. */
    static probabilities(scores) {
      if (scores.length === 1) return [1 / (1 + Math.exp(scores[0])), 1 / (1 + Math.exp(-scores[0]))];
      const most = Math.max(...scores), powers = Array.from(scores, (score) => Math.exp(score - most));
      const sum = powers.reduce((total, power) => total + power, 0);
      return powers.map((power) => power / sum);
    }

    /* Local contributions at u to Σ_c weight_c f_c, as in attribution/local.py. */
    explain(u, weights) {
      const c = this.axes.length;
      this.place(u, this.z);
      this.sum(this.z, this.matrices);
      const found = {
        prediction: 0, base: 0,
        values: new Float64Array(c), diagonal: new Float64Array(c), coupling: new Float64Array(c),
      };
      found.prediction = this._putAllProducts(weights);
      for (let e = 0; e < this.each; e++) found.base += this.products[e] * this.start[e];
      this._addContributions(u, found);
      return found;
    }

    /* Σ_c weight_c f_c at u, and its slope in every number and date; at a knot, the slope above it. */
    slopes(u, weights) {
      this.place(u, this.z);
      this.sum(this.z, this.matrices);
      const value = this._putAllProducts(weights), slopes = new Float64Array(this.axes.length), parts = new Float64Array(2);
      const form = (feature) => {
        if (this.rowOf[feature] < 0) return 0;
        this._form(feature, parts);
        return parts[0] + parts[1];
      };
      const bent = (first, x, knots) => {
        const place = segment(x, knots);
        return (form(first + place + 1) - form(first + place)) / (knots[place + 1] - knots[place]);
      };
      this.axes.forEach(({ kind, first, knots }, column) => {
        if (kind === "levels" || Number.isNaN(u[column])) return;
        slopes[column] = knots.length ? bent(first, u[column], knots) : form(first);
      });
      for (const { first, second, sign, mean, scale, knots, own } of this.pairs) {
        const x = (this.position(first, u[first]) + sign * this.position(second, u[second]) - mean) / scale;
        const slope = bent(own, x, knots) / scale;
        if (!Number.isNaN(u[first])) slopes[first] += slope;
        if (!Number.isNaN(u[second])) slopes[second] += sign * slope;
      }
      return { value, slopes };
    }

    /* Solve this.matrices, write the factors of their entries in Σ_c weight_c f_c to products, and return the sum. */
    _putAllProducts(weights) {
      let total = 0;
      for (let n = 0; n < this.count; n++) {
        this._solve(this.matrices, n, true);
        this._sort();
        const weight = weights[this.of[n]], v = this.k[n] * this.dim;
        total += weight * this.a[this.k[n]];
        this._putProducts(weight, v, n * this.size);
      }
      return total;
    }

    /* The factors of the entries of A in weight · vᵀAv, where v is a row of w. */
    _putProducts(weight, v, start) {
      const { w, dim, products } = this;
      for (let j = 0; j < dim; j++) products[start + j] = weight * w[v + j] * w[v + j];
      if (this.dense) {
        for (let i = 0, e = start + dim; i < dim; i++) {
          for (let j = i + 1; j < dim; j++, e++) products[e] = 2 * weight * w[v + i] * w[v + j];
        }
      } else {
        for (let j = 0; j < dim - 1; j++) products[start + dim + j] = 2 * weight * w[v + j] * w[v + j + 1];
      }
    }

    _addContributions(u, found) {
      const z = this.z, parts = new Float64Array(2);
      const add = (column, feature, factor) => {
        if (factor === 0 || this.rowOf[feature] < 0) return;
        this._form(feature, parts);
        found.diagonal[column] += factor * parts[0];
        found.coupling[column] += factor * parts[1];
      };
      this.axes.forEach((axis, column) => {
        for (let f = axis.first; f < axis.first + axis.width; f++) add(column, f, z[f] - this.centre[f]);
      });
      for (const pair of this.pairs) {
        const difference = this._difference(pair, u);
        for (let f = pair.own; f < pair.own + pair.knots.length; f++) {
          const both = (z[f] - this.centre[f]) / 2;
          add(pair.first, f, both + difference[f - pair.own]);
          add(pair.second, f, both - difference[f - pair.own]);
        }
      }
      found.values = found.diagonal.map((part, column) => part + found.coupling[column]);
    }

    /* The diagonal and the coupling part of Σ_n vᵀA_i v, as sums of products of entries. */
    _form(feature, parts) {
      const { entries, products, each, size, dim } = this, start = this.rowOf[feature] * each;
      parts.fill(0);
      for (let n = 0; n < each; n += size) {
        let on = 0, off = 0;
        for (let e = n; e < n + dim; e++) on += entries[start + e] * products[e];
        for (let e = n + dim; e < n + size; e++) off += entries[start + e] * products[e];
        parts[0] += on;
        parts[1] += off;
      }
    }

    /* Half the difference of the means over the background for two values. */
    _difference(pair, u) {
      const found = new Float64Array(pair.knots.length), first = this.positions.get(pair.first);
      const second = this.positions.get(pair.second), rows = first.length;
      const x = this.position(pair.first, u[pair.first]), y = this.position(pair.second, u[pair.second]);
      for (let i = 0; i < rows; i++) {
        addHats(found, 0, (x + pair.sign * second[i] - pair.mean) / pair.scale, pair.knots, 0.5 / rows);
        addHats(found, 0, (first[i] + pair.sign * y - pair.mean) / pair.scale, pair.knots, -0.5 / rows);
      }
      return found;
    }

    /* Write the functions at u with one column at every coordinate: scores, coordinates × functions. */
    curve(u, column, coordinates, scores) {
      const axis = this.axes[column], { z, moved, rest, matrices } = this;
      this.place(u, z);
      this._clear(axis, z);
      this.sum(z, rest);
      const others = axis.pairs.map((pair) => {
        const other = pair.first === column ? pair.second : pair.first;
        return this.position(other, u[other]);
      });
      for (let i = 0; i < coordinates.length; i++) {
        this._clear(axis, moved);
        this.placeColumn(column, coordinates[i], moved);
        const here = this.position(column, coordinates[i]);
        axis.pairs.forEach((pair, at) => {
          if (pair.first === column) this.placePair(pair, here, others[at], moved);
          else this.placePair(pair, others[at], here, moved);
        });
        matrices.set(rest);
        for (let f = axis.first; f < axis.first + axis.width; f++) this.add(f, moved[f], matrices);
        for (const pair of axis.pairs) {
          for (let f = pair.own; f < pair.own + pair.knots.length; f++) this.add(f, moved[f], matrices);
        }
        this._addScores(matrices, scores, i * this.functions);
      }
      return scores;
    }

    _clear(axis, z) {
      z.fill(0, axis.first, axis.first + axis.width);
      for (const pair of axis.pairs) z.fill(0, pair.own, pair.own + pair.knots.length);
    }

    /* Spectral norms of A_0 and of the matrices in use, (features in use + 1) × N. */
    get norms() {
      if (this._norms) return this._norms;
      const rows = this.entries.length / this.each;
      this._norms = new Float64Array(rows * this.count);
      for (let row = 0; row < rows; row++) {
        const own = this.entries.subarray(row * this.each, (row + 1) * this.each);
        for (let n = 0; n < this.count; n++) {
          this._solve(own, n, false);
          let most = 0;
          for (let j = 0; j < this.dim; j++) most = Math.max(most, Math.abs(this.a[j]));
          this._norms[row * this.count + n] = most;
        }
      }
      return this._norms;
    }

    /* Proven bounds on Σ_c weight_c f_c for numbers with coordinates in [low, high]; a number is fixed if both are equal.
       The proof is in boxes/bounds.py: tangent planes, plus the smallest of the bounds by curvature, gap and Weyl, or
       the middle of the box and the extremes of its parts. Returns the bounds, the coordinates at which the tangent
       plane is smallest and largest, and the loss by column, for halving. */
    bound(u, low, high, weights) {
      const box = this._box(u, low, high), total = [0, 0], loss = new Float64Array(this.axes.length);
      const sides = box.parts.map(({ nodes }) => ({
        slopes: new Float64Array(nodes.length), residuals: nodes.map(() => new Float64Array(this.dim)), far: 0,
        extremes: [new Float64Array(nodes.length), new Float64Array(nodes.length)],
      }));
      const whole = [0, 0];
      for (let n = 0; n < this.count; n++) {
        const weight = weights[this.of[n]];
        if (weight === 0) continue;
        const [value, below, above] = this._beyond(box, n, weight, sides);
        const slack = ROUNDING * Math.abs(weight) * box.sizes[n];
        total[0] += weight * value - Math.abs(weight) * (weight > 0 ? below : above) - slack;
        total[1] += weight * value + Math.abs(weight) * (weight > 0 ? above : below) + slack;
        whole[0] += weight * value - slack;
        whole[1] += weight * value + slack;
      }
      const ends = [Math.min, Math.max].map((pick, end) => {
        const at = u.slice();
        sides.forEach(({ slopes, extremes }, part) => {
          const best = pick(...slopes), { at: places, columns } = box.parts[part];
          total[end] += best;
          whole[end] += pick(...extremes[end]);
          if (places) at[columns[0]] = places[slopes.indexOf(best)];
        });
        return at;
      });
      sides.forEach(({ far }, part) => {
        for (const column of box.parts[part].columns) loss[column] += far / box.parts[part].columns.length;
      });
      return { range: [Math.max(total[0], whole[0]), Math.min(total[1], whole[1])], ends, loss };
    }

    /* The eigenvalue at the middle of a box, and the largest distances of a neuron below and above its tangent plane.
       Adds the values of the tangent plane at the nodes. */
    _beyond(box, n, weight, sides) {
      const { dim, size, w } = this, k = this.k[n], rounding = ROUNDING * box.sizes[n];
      this._solve(box.centre, n, true);
      this._sort();
      const spectrum = Float64Array.from(this.a), value = spectrum[k];
      let far = rounding, half = rounding;
      box.parts.forEach(({ nodes }, at) => {
        const { slopes, residuals, extremes } = sides[at];
        let furthest = 0, widest = 0;
        nodes.forEach((node, a) => {
          const residual = residuals[a];
          this._image(node, n, k, this.q);
          for (let j = 0; j < dim; j++) {
            residual[j] = 0;
            for (let r = 0; r < dim; r++) residual[j] += w[j * dim + r] * this.q[r];
          }
          const slope = residual[k], ends = this._extremes(node, n);
          slopes[a] += weight * slope;
          extremes[0][a] += weight * ends[weight > 0 ? 0 : 1];
          extremes[1][a] += weight * ends[weight > 0 ? 1 : 0];
          furthest = Math.max(furthest, ends[1] - slope, slope - ends[0]);
          widest = Math.max(widest, (ends[1] - ends[0]) / 2);
        });
        far += furthest;
        half += widest;
        sides[at].far += Math.abs(weight) * furthest;
      });
      return [value, ...[-1, 1].map((sign) => {
        const beside = [];
        for (let j = sign > 0 ? 0 : k + 1; j < (sign > 0 ? k : dim); j++) beside.push(j);
        const gap = beside.reduce((least, j) => Math.min(least, sign * (value - spectrum[j])), Infinity);
        const plain = SpectralModel.plain(gap - rounding, far, half);
        if (!(gap - far > CLEAR * box.sizes[n])) return plain;
        const sum = sides.reduce((total, { residuals }) => total + Math.max(...residuals.map((residual) =>
          Math.sqrt(beside.reduce((part, j) => part + residual[j] ** 2 / (sign * (value - spectrum[j]) - far), 0)))), 0);
        return Math.min(sum * sum, plain);
      })];
    }

    /* The smaller of Weyl's bound and the bound by the gap. */
    static plain(gap, far, half) {
      const ball = gap > half ? half * (half / gap) : gap > 0 ? 2 * half - gap : Infinity;
      return Math.min(far, ball);
    }

    /* Write D v of a neuron, where v is row k of w. */
    _image(matrices, n, k, into) {
      const { dim, size, w } = this, start = n * size, v = k * dim;
      for (let j = 0; j < dim; j++) into[j] = matrices[start + j] * w[v + j];
      if (this.dense) {
        for (let i = 0, e = start + dim; i < dim; i++) {
          for (let j = i + 1; j < dim; j++, e++) {
            into[i] += matrices[e] * w[v + j];
            into[j] += matrices[e] * w[v + i];
          }
        }
      } else {
        for (let j = 0, e = start + dim; j < dim - 1; j++, e++) {
          into[j] += matrices[e] * w[v + j + 1];
          into[j + 1] += matrices[e] * w[v + j];
        }
      }
    }

    _extremes(matrices, n) {
      this._solve(matrices, n, false);
      let low = Infinity, high = -Infinity;
      for (let j = 0; j < this.dim; j++) {
        low = Math.min(low, this.a[j]);
        high = Math.max(high, this.a[j]);
      }
      return [low, high];
    }

    /* The matrices in a box, as in boxes/limits.py: a centre, and the terms that are added to it at the nodes of every
       column that moves, and of every pair that bends inside. */
    _box(u, low, high) {
      const free = this.axes.map((axis, column) => low[column] < high[column]);
      const ends = this.axes.map((axis, column) => (free[column]
        ? [low[column], ...axis.knots.slice(1, -1).filter((knot) => low[column] < knot && knot < high[column]), high[column]]
        : [this.position(column, u[column])]));
      const z = new Float64Array(this.features), most = new Float64Array(this.features);
      this.place(u, z);
      const moving = this.pairs.filter((pair) => free[pair.first] || free[pair.second]);
      this.axes.forEach((axis, column) => { if (free[column]) this._clear(axis, z); });
      z.forEach((value, feature) => { most[feature] = Math.abs(value); });
      const centre = new Float64Array(this.each), parts = new Map();
      this.sum(z, centre);
      this.axes.forEach((axis, column) => {
        if (free[column]) parts.set(column, ends[column].map((at) => this._node(axis, column, at, most)));
      });
      const found = [...parts].map(([column, nodes]) => ({ nodes, columns: [column], at: ends[column] }));
      for (const pair of moving) {
        const nodes = this._addSecant(pair, free, ends, parts, centre, most);
        const columns = [pair.first, pair.second].filter((column) => free[column]);
        if (nodes.length > 1) found.push({ nodes, columns, at: null });
      }
      for (const { nodes } of found) this._recentre(nodes, centre);
      return { centre, parts: found, sizes: this._terms(most) };
    }

    /* The matrices of a number at a node. */
    _node(axis, column, at, most) {
      const matrices = new Float64Array(this.each), z = this.moved;
      this.placeColumn(column, at, z);
      for (let f = axis.first; f < axis.first + axis.width; f++) {
        most[f] = Math.max(most[f], Math.abs(z[f]));
        this.add(f, z[f], matrices);
      }
      return matrices;
    }

    /* The matrices of a pair at its coordinate. */
    _pairAt(pair, at, most) {
      const z = new Float64Array(pair.knots.length), matrices = new Float64Array(this.each);
      addHats(z, 0, at, pair.knots, 1);
      z.forEach((value, m) => {
        if (most !== null) most[pair.own + m] = Math.max(most[pair.own + m], Math.abs(value));
        this.add(pair.own + m, value, matrices);
      });
      return matrices;
    }

    /* Add the secant of a pair to the centre and to its columns. Return the deviations from the secant. */
    _addSecant(pair, free, ends, parts, centre, most) {
      const columns = [pair.first, pair.second], signs = [1, pair.sign];
      const [first, second] = columns.map((column) => [Math.min(...ends[column]), Math.max(...ends[column])]);
      const at = (one, other) => (one + pair.sign * other - pair.mean) / pair.scale;
      const low = at(first[0], pair.sign > 0 ? second[0] : second[1]);
      const high = at(first[1], pair.sign > 0 ? second[1] : second[0]);
      most.fill(1, pair.own, pair.own + pair.knots.length);
      const bottom = this._pairAt(pair, low, most), top = this._pairAt(pair, high, most);
      const slope = top.map((entry, e) => (high > low ? (entry - bottom[e]) / (high - low) : 0));
      const middle = top.map((entry, e) => (entry + bottom[e]) / 2);
      for (let e = 0; e < this.each; e++) centre[e] += middle[e];
      columns.forEach((column, side) => {
        if (!free[column]) return;
        const mid = (Math.min(...ends[column]) + Math.max(...ends[column])) / 2;
        parts.get(column).forEach((node, a) => {
          const way = (signs[side] / pair.scale) * (ends[column][a] - mid);
          for (let e = 0; e < this.each; e++) node[e] += way * slope[e];
        });
      });
      const inside = pair.knots.slice(1, -1).filter((knot) => low < knot && knot < high);
      return [new Float64Array(this.each), ...inside.map((knot) => {
        const along = knot - (low + high) / 2;
        return this._pairAt(pair, knot, null).map((entry, e) => entry - middle[e] - along * slope[e]);
      })];
    }

    /* Move the middle of the nodes, entry by entry, to the centre. */
    _recentre(nodes, centre) {
      for (let e = 0; e < this.each; e++) {
        let low = Infinity, high = -Infinity;
        for (const node of nodes) {
          low = Math.min(low, node[e]);
          high = Math.max(high, node[e]);
        }
        const middle = (low + high) / 2;
        centre[e] += middle;
        for (const node of nodes) node[e] -= middle;
      }
    }

    /* ‖A_0‖ + Σ most_i ‖A_i‖ of every neuron. */
    _terms(most) {
      const { norms, count } = this, found = norms.slice(0, count);
      for (let f = 0; f < this.features; f++) {
        const row = this.rowOf[f];
        if (row < 0 || most[f] === 0) continue;
        for (let n = 0; n < count; n++) found[n] += most[f] * norms[row * count + n];
      }
      return found;
    }

    /* Numbers from text: base64 of deflated little-endian bytes, all first bytes, then all second bytes, …. */
    static async unpack({ text, bytes, scale }) {
      const packed = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
      const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
      const planes = new Uint8Array(await new Response(stream).arrayBuffer()), count = planes.length / bytes;
      const view = new DataView(new ArrayBuffer(planes.length)), found = new Float64Array(count);
      for (let i = 0; i < count; i++) {
        for (let plane = 0; plane < bytes; plane++) view.setUint8(i * bytes + plane, planes[plane * count + i]);
        found[i] = scale * (bytes === 4 ? view.getFloat32(i * 4, true) : view.getFloat64(i * 8, true));
      }
      return found;
    }

    static async from(data) {
      const packed = [data.entries, data.centre, data.positions];
      return new SpectralModel(data, ...(await Promise.all(packed.map(SpectralModel.unpack))));
    }
  }

  /* Best-first halving of a box, which reduces the difference between the proven range and the values found. */
  class Search {
    constructor(model, u, low, high, weights) {
      Object.assign(this, { model, u, weights, boxes: [], found: [Infinity, -Infinity] });
      this._add(low, high, [-Infinity, Infinity]);
    }

    _add(low, high, within) {
      const { model, weights } = this, { range, ends, loss } = model.bound(this._inside(low, high), low, high, weights);
      for (const point of [this._inside(low, high), ...ends]) {
        const value = model.combined(point, weights);
        this.found = [Math.min(this.found[0], value), Math.max(this.found[1], value)];
      }
      this.boxes.push({ low, high, loss, range: [Math.max(range[0], within[0]), Math.min(range[1], within[1])] });
    }

    /* The middle of the columns that move. */
    _inside(low, high) {
      return this.u.map((x, column) => (low[column] < high[column] ? (low[column] + high[column]) / 2 : x));
    }

    get range() {
      const low = Math.min(...this.boxes.map(({ range }) => range[0]), this.found[0]);
      return [low, Math.max(...this.boxes.map(({ range }) => range[1]), this.found[1])];
    }

    /* Halve the box that determines the looser end, at a knot if there is one inside. Return false if it cannot be halved. */
    halve() {
      const [low, high] = this.range, above = high - this.found[1] > this.found[0] - low;
      const end = above ? Math.max : Math.min, side = above ? 1 : 0;
      const worst = end(...this.boxes.map(({ range }) => range[side]));
      const at = this.boxes.findIndex(({ range }) => range[side] === worst), box = this.boxes[at];
      if (at < 0) return false;
      const column = box.loss.indexOf(Math.max(...box.loss)), from = box.low[column], to = box.high[column];
      const middle = (from + to) / 2;
      if (!(from < middle && middle < to)) return false;
      const inside = this.model.axes[column].knots.slice(1, -1).filter((knot) => from < knot && knot < to);
      const place = inside.reduce((best, knot) => (Math.abs(knot - middle) < Math.abs(best - middle) ? knot : best), inside.length ? inside[0] : middle);
      this.boxes.splice(at, 1);
      const replaced = (ends, value) => ends.map((x, c) => (c === column ? value : x));
      this._add(box.low, replaced(box.high, place), box.range);
      this._add(replaced(box.low, place), box.high, box.range);
      return true;
    }
  }

  SpectralModel.Search = Search;
  return SpectralModel;
})();
