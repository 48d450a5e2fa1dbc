// The score along one field, drawn to the size that there is. Does not ask the service.

import { tick, valueOf } from "./words.js";

const MARGIN = { left: 40, right: 10, top: 10, bottom: 26 };
const LETTER = 7;

export class Curve {
  constructor(svg, picked) {
    this.svg = svg;
    svg.addEventListener("pointerdown", (event) => this.#pick(event, picked));
    svg.addEventListener("pointermove", (event) => event.buttons === 1 && this.#pick(event, picked));
    new ResizeObserver(() => this.#draw()).observe(svg);
  }

  show(field, points, cutOffs) {
    Object.assign(this, { field, points, cutOffs });
    this.#draw();
  }

  mark(at) {
    this.at = at;
    this.#draw();
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.svg;
    if (!this.points || !width) return;
    const x = this.#across(width);
    const y = this.#down(height);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren(
      ...this.#zones(width, height, y),
      ...this.#scores(width, y),
      ...this.#values(x, width, height),
      ...this.#line(x, y),
      ...this.#marker(x, y, height),
    );
  }

  // The x of each point; a missing number stands apart, left of the others.
  #across(width) {
    const stated = this.points.filter((point) => point.value !== null);
    const [start, end] = [MARGIN.left + 12, width - MARGIN.right - 12];
    if (this.field.kind === "category") {
      const step = (end - start) / Math.max(1, this.points.length - 1);
      return (point) => start + step * this.points.indexOf(point);
    }
    const first = stated.length < this.points.length ? start + 48 : start;
    const [low, high] = [stated[0].value, stated.at(-1).value];
    return (point) => (point.value === null ? start : first + ((end - first) * (point.value - low)) / (high - low || 1));
  }

  #down(height) {
    const scores = [...this.points.map((point) => point.score), ...Object.values(this.cutOffs)];
    const [low, high] = [Math.min(...scores) - 15, Math.max(...scores) + 15];
    return (score) => MARGIN.top + ((height - MARGIN.top - MARGIN.bottom) * (high - score)) / (high - low);
  }

  #zones(width, height, y) {
    const { approve, decline } = this.cutOffs;
    const borders = [MARGIN.top, y(approve), y(decline), height - MARGIN.bottom];
    const across = { x: MARGIN.left, width: width - MARGIN.left - MARGIN.right };
    return ["approve", "refer", "decline"].flatMap((zone, place) => {
      const [top, bottom] = [borders[place], borders[place + 1]];
      const name = draw("text", { class: "zone", x: width - MARGIN.right - 6, y: (top + bottom) / 2 + 4 }, zone);
      const band = draw("rect", { class: zone, y: top, height: bottom - top, ...across });
      return bottom - top > 16 ? [band, name] : [band];
    });
  }

  #scores(width, y) {
    return Object.values(this.cutOffs).flatMap((score) => [
      draw("text", { class: "score", x: MARGIN.left - 6, y: y(score) + 4 }, score),
      draw("line", { class: "cut-off", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(score), y2: y(score) }),
    ]);
  }

  #values(x, width, height) {
    const room = this.field.kind === "category" ? (width - MARGIN.left) / this.points.length : 80;
    const letters = Math.floor(room / LETTER);
    const every = this.field.kind === "category" ? 1 : Math.ceil((this.points.length * room) / (width - MARGIN.left));
    if (letters < 3) return [];
    return this.points
      .filter((point, place) => place % every === 0 || point.value === null)
      .map((point) => {
        const number = this.field.kind !== "category" && point.value !== null;
        const words = number ? tick(point.value) : valueOf(this.field, point.value);
        const fits = words.length > letters ? `${words.slice(0, letters - 1)}…` : words;
        return draw("text", { class: "value", x: x(point), y: height - 8 }, fits);
      });
  }

  #line(x, y) {
    const stated = this.points.filter((point) => point.value !== null || this.field.kind === "category");
    const path = stated.map((point) => `${x(point)},${y(point.score)}`).join(" ");
    const dots = this.points.filter((point) => this.field.kind === "category" || point.value === null);
    return [
      ...(this.field.kind === "category" ? [] : [draw("polyline", { points: path })]),
      ...dots.map((point) => draw("circle", { class: "dot", cx: x(point), cy: y(point.score), r: 4 })),
    ];
  }

  #marker(x, y, height) {
    const point = this.points[this.at];
    if (!point) return [];
    return [
      draw("line", { class: "here", x1: x(point), x2: x(point), y1: MARGIN.top, y2: height - MARGIN.bottom }),
      draw("circle", { class: "here", cx: x(point), cy: y(point.score), r: 6 }),
    ];
  }

  #pick(event, picked) {
    if (!this.points) return;
    const x = this.#across(this.svg.clientWidth);
    const place = event.clientX - this.svg.getBoundingClientRect().left;
    const distances = this.points.map((point) => Math.abs(x(point) - place));
    picked(distances.indexOf(Math.min(...distances)));
  }
}

function draw(name, attributes, text = "") {
  const shape = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [attribute, value] of Object.entries(attributes)) shape.setAttribute(attribute, value);
  shape.textContent = text;
  return shape;
}
