// The applicant's form, made from the schema. Judges nothing: what is wrong with a value is the service's to say.

import { fault, hintOf, valueOf } from "./words.js";

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

export class Form {
  constructor(schema) {
    this.inputs = new Map();
    this.fields = schema.filter((field) => (field.role ?? "used") === "used");
    this.attributes = schema.filter((field) => field.role === "protected");
    document.querySelector("#fields").replaceChildren(...this.fields.map((field) => this.#row(field, field.name)));
    const rows = this.attributes.map((field) => this.#row({ ...field, optional: true }, `monitoring_attributes/${field.name}`));
    document.querySelector("#attributes").replaceChildren(...rows);
    document.querySelector("#monitoring").hidden = rows.length === 0;
  }

  field(name) {
    return this.inputs.get(name).field;
  }

  fill(applicant) {
    for (const field of this.fields) this.put(field.name, applicant[field.name] ?? null);
  }

  put(name, value) {
    const { field, input } = this.inputs.get(name);
    // A category's place; one that is not listed selects nothing.
    const shown = field.kind === "category" && value !== null ? field.categories.indexOf(value) : value;
    input.value = shown === null ? "" : String(shown);
  }

  // What is empty is left out.
  applicant() {
    return this.#read(this.fields, "");
  }

  monitored() {
    return this.#read(this.attributes, "monitoring_attributes/");
  }

  // Puts each problem beside its field; gives those that belong to none.
  refuse(problems) {
    this.clear();
    const placed = problems.filter((problem) => this.inputs.has(problem.path.slice(1)));
    for (const problem of placed) {
      const { input, message } = this.inputs.get(problem.path.slice(1));
      input.setAttribute("aria-invalid", "true");
      message.textContent = fault(problem);
      message.hidden = false;
    }
    return problems.filter((problem) => !placed.includes(problem));
  }

  clear() {
    for (const { input, message } of this.inputs.values()) {
      input.removeAttribute("aria-invalid");
      message.hidden = true;
    }
  }

  focusRefused() {
    const refused = [...this.inputs.values()].find(({ input }) => input.hasAttribute("aria-invalid"));
    if (!refused) return;
    const folded = refused.input.closest("details");
    if (folded) folded.open = true;
    refused.input.focus();
  }

  #read(fields, prefix) {
    const read = {};
    for (const { name } of fields) {
      const { field, input } = this.inputs.get(prefix + name);
      const text = input.value.trim();
      if (text === "") continue;
      if (field.kind === "category") read[name] = field.categories[Number(text)];
      else read[name] = NUMBER.test(text) && Number.isFinite(Number(text)) ? Number(text) : text;
    }
    return read;
  }

  #row(field, path) {
    const id = `field-${path.replace("/", "-")}`;
    const input = field.kind === "category" ? choice(field) : element("input", { inputMode: "decimal", spellcheck: false });
    const hint = element("p", { id: `${id}-hint`, className: "quiet", textContent: hintOf(field) });
    const message = element("p", { id: `${id}-message`, className: "message", hidden: true });
    const label = element("label", { htmlFor: id });
    label.append(element("code", { textContent: field.name }));
    if (field.optional) label.append(" ", element("span", { className: "optional", textContent: "optional" }));
    input.id = id;
    input.required = !field.optional;
    input.setAttribute("aria-describedby", `${message.id} ${hint.id}`);
    this.inputs.set(path, { field, input, message });
    const row = element("div", { className: "field" });
    row.append(label, input, message, hint);
    return row;
  }
}

export function element(name, properties) {
  return Object.assign(document.createElement(name), properties);
}

function choice(field) {
  const select = element("select", {});
  select.add(new Option(field.optional ? "not stated" : "choose", ""));
  field.categories.forEach((category, place) => select.add(new Option(valueOf(field, category), String(place))));
  return select;
}
