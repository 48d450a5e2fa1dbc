// The service as this page asks it. Knows no elements; the API key lives here, in memory, and nowhere else.

let key = "";

export class Refusal extends Error {
  // `problem` is the RFC 9457 document.
  constructor(problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

export function useKey(text) {
  key = text.trim();
}

export const model = () => ask("model");
export const ready = () => ask("ready");
export const examples = () => ask("model/examples");
export const decide = (applicant) => ask("v1/score", { body: applicant });

export function preview(applicant, field, signal) {
  return ask(`v1/preview?field=${encodeURIComponent(field)}`, { body: applicant, signal });
}

async function ask(path, { body, signal } = {}) {
  const headers = key ? { "X-API-Key": key } : {};
  const posted = { method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(path, { ...(body ? posted : { headers }), signal, credentials: "omit" });
  const told = await response.json();
  if (!response.ok) throw new Refusal(told);
  return told;
}
