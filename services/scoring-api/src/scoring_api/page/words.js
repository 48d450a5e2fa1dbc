// Numbers and codes as people read them.

const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 7 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

const FAULTS = {
  missing: "Fill this in",
  null: "Fill this in",
  type: "This cannot be read",
  range: "Outside the range",
  category: "Not a known choice",
  not_finite: "Not a number",
};

export const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 2 : 1)} %`;
export const tick = (value) => short.format(value);
export const fault = (problem) => `${FAULTS[problem.code] ?? problem.code}: ${problem.expected}.`;

export function valueOf(field, value) {
  if (value === null || value === undefined) return "not stated";
  if (field.kind === "category") return field.labels?.[value] ?? String(value);
  return `${number.format(value)}${field.unit ? ` ${field.unit}` : ""}`;
}

export function hintOf(field) {
  if (field.kind === "category") return field.meaning;
  const range = `${number.format(field.minimum)} to ${number.format(field.maximum)}`;
  return `${field.meaning} (${range}${field.unit ? ` ${field.unit}` : ""})`;
}
