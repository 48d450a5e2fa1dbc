// The page: what happens when. Values change → a preview, which nobody records; the button → a decision, which is.

import { Curve } from "./curve.js";
import { Form, element } from "./form.js";
import * as service from "./service.js";
import { percent, valueOf } from "./words.js";

const PAUSE_MS = 200;
const LOOK_MS = 10_000;
const find = (selector) => document.querySelector(selector);
const [along, decide, example, key, slider] = ["#along", "#decide", "#example", "#key", "#slider"].map(find);

let model;
let examples;
let form;
let points = [];
let waiting;
let asking = new AbortController();
const curve = new Curve(find("#curve"), (at) => move(at));

start();

async function start() {
  for (const place of document.querySelectorAll(".outlook")) place.append(find("#outlook").content.cloneNode(true));
  if (!await load()) return;
  form.fill(model.reference_applicant);
  listen();
  preview();
}

// Whether there is a model; the form is made anew for it.
async function load() {
  const [served, invented] = await guarded(() => Promise.all([service.model(), service.examples()])) ?? [];
  if (!served) return false;
  [model, examples] = [served, invented];
  form = new Form(model.fields);
  const { name, version } = model.manifest.dataset;
  find("#model").textContent = `${name} ${version}, model ${nameOf(model)}`;
  along.replaceChildren(...form.fields.map((field) => new Option(field.name)));
  along.value = model.policy.exposure_field in model.reference_applicant ? model.policy.exposure_field : form.fields[0].name;
  example.replaceChildren(new Option("the typical approved applicant", ""));
  examples.forEach((one, place) => example.add(new Option(`score ${one.score}: would be ${one.would_be}`, String(place))));
  find("#renewed").hidden = true;
  return true;
}

// What was filled in stays, where the new model has a field for it.
async function renew() {
  const stated = form.applicant();
  const filled = form.fields.map(({ name }) => [name, stated[name] ?? null]);
  if (!await load()) return;
  form.fill({ ...model.reference_applicant, ...Object.fromEntries(filled) });
  preview();
}

function listen() {
  find("#renew").addEventListener("click", renew);
  setInterval(look, LOOK_MS);
  example.addEventListener("change", () => {
    form.fill(example.value === "" ? model.reference_applicant : examples[Number(example.value)].applicant);
    changed(0);
  });
  along.addEventListener("change", preview);
  slider.addEventListener("input", () => move(Number(slider.value)));
  key.addEventListener("input", () => service.useKey(key.value));
  key.addEventListener("change", preview);
  find("#applicant").addEventListener("input", ({ target }) => target !== example && target !== key && changed(PAUSE_MS));
  find("#applicant").addEventListener("submit", (event) => {
    event.preventDefault();
    decideNow();
  });
}

function changed(pause) {
  find("#stale").hidden = false;
  asking.abort();
  clearTimeout(waiting);
  waiting = setTimeout(preview, pause);
}

async function preview() {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  const applicant = form.applicant();
  const told = await guarded(() => service.preview(applicant, along.value, signal));
  if (!signal.aborted) find("#preview").toggleAttribute("data-outdated", !told);
  if (!told) return;
  const field = form.field(told.curve.field);
  points = told.curve.points;
  find("#preview").hidden = false;
  slider.max = points.length - 1;
  curve.show(field, points, told.cut_offs);
  tell("#preview", told);
  mark(points.findIndex(({ value }) => value === (applicant[field.name] ?? null)));
}

// A curve that is there answers at once; it is asked for again because other values may have changed since.
function move(at) {
  changed(PAUSE_MS);
  form.put(curve.field.name, points[at].value);
  tell("#preview", points[at]);
  mark(at);
}

function mark(at) {
  const { field } = curve;
  const { value, score, pd, would_be } = points[at];
  const words = `${field.name} ${valueOf(field, value)}: score ${score}, PD ${percent(pd)}, would be ${would_be}`;
  slider.value = at;
  slider.setAttribute("aria-valuetext", words);
  find("#readout").textContent = words;
  curve.mark(at);
}

async function decideNow() {
  const monitored = form.monitored();
  const applicant = form.applicant();
  if (Object.keys(monitored).length) applicant.monitoring_attributes = monitored;
  decide.disabled = true;
  const told = await guarded(() => service.decide(applicant));
  decide.disabled = false;
  if (!told) return form.focusRefused();
  const [result] = told.results;
  find("#stale").hidden = true;
  find("#decision").hidden = false;
  find("#why").hidden = result.reasons.length === 0;
  find("#reasons").replaceChildren(...result.reasons.map((reason) => element("li", { textContent: reason.text })));
  tell("#decision", { ...told, ...result, model: nameOf(told) });
  find("#decision [data-told=model]").title = told.model_digest;
  find("#decision").scrollIntoView({ block: "nearest" });
}

function tell(section, told) {
  const words = { ...told, verdict: told.decision ?? told.would_be, pd: percent(told.pd) };
  for (const place of document.querySelectorAll(`${section} [data-told]`)) {
    if (place.dataset.told in words) place.textContent = words[place.dataset.told];
  }
  const verdict = find(`${section} .verdict`);
  verdict.dataset.verdict = verdict.textContent;
}

// Another model may answer while the page is only looked at. Why the service does not is told to whoever asks it something.
async function look() {
  if (document.hidden) return;
  await service.ready().then(compare, () => undefined);
}

function compare(told) {
  if (!model || !told.model_digest || nameOf(told) === nameOf(model)) return;
  find("#new-model").textContent = nameOf(told);
  find("#renewed").hidden = false;
}

// What an action gives, or nothing when it was refused, and then why.
async function guarded(action) {
  try {
    const told = await action();
    form?.clear();
    trouble("");
    compare(told);
    return told;
  } catch (error) {
    if (error.name === "AbortError") return undefined;
    if (error instanceof service.Refusal) refused(error.problem);
    else trouble("The service cannot be reached; try again.");
    return undefined;
  }
}

function refused(problem) {
  const beside = problem.problems !== undefined && form.refuse(problem.problems).length === 0;
  trouble(beside ? "" : `${problem.detail} (request ${problem.request_id})`);
  if (problem.status === 401 || problem.status === 403) {
    find("#access").hidden = false;
    key.focus();
  }
}

function nameOf(told) {
  return `${told.model_tag} ${told.model_digest.slice(0, 12)}`;
}

function trouble(text) {
  find("#trouble").textContent = text;
  find("#trouble").hidden = text === "";
}
