// Plain fields for the top level of a JSON schema; what is nested or odd is typed as JSON.
let number = 0;

export function fieldsOf(schema, values, needed, none) {
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties ?? {}).slice(0, 40)
    .map(([name, part]) => field(name, part ?? {}, values[name], required.has(name), needed, none));
  return {
    elements: fields.map((made) => made.element),
    values: () => Object.fromEntries(fields.map((made) => [made.name, made.read()]).filter(([, value]) => value !== undefined)),
  };
}

function field(name, part, value, isNeeded, needed, none) {
  const control = controlOf(part, none);
  control.id = `play-field-${++number}`;
  if (value !== undefined) control.value = isPlain(part) ? value : JSON.stringify(value);
  const label = Object.assign(document.createElement("label"), { htmlFor: control.id, textContent: name });
  if (isNeeded) label.append(` · ${needed}`);
  const element = Object.assign(document.createElement("div"), { className: "field" });
  element.append(label, control);
  if (part.description) {
    const hint = Object.assign(document.createElement("span"), {
      className: "hint", id: `${control.id}-hint`, textContent: part.description.length > 300 ? `${part.description.slice(0, 300)}…` : part.description,
    });
    control.setAttribute("aria-describedby", hint.id);
    element.append(hint);
  }
  return { name, element, read: () => read(part, control.value) };
}

const isPlain = (part) => Array.isArray(part.enum) || ["string", "number", "integer", "boolean"].includes(part.type)
  || (Array.isArray(part.type) && part.type.includes("string"));

function controlOf(part, none) {
  const choices = part.type === "boolean" ? ["true", "false"] : part.enum;
  if (Array.isArray(choices)) {
    const select = document.createElement("select");
    select.append(new Option(none, ""), ...choices.slice(0, 200).map((choice) => new Option(choice, choice)));
    return select;
  }
  if (part.type === "integer" || part.type === "number") {
    const input = Object.assign(document.createElement("input"), { type: "number", step: part.type === "integer" ? "1" : "any" });
    for (const [bound, key] of [["min", "minimum"], ["max", "maximum"]]) if (key in part) input[bound] = part[key];
    if ("default" in part) input.placeholder = part.default;
    return input;
  }
  if (isPlain(part) && part.maxLength <= 200) return Object.assign(document.createElement("input"), { type: "text", maxLength: 2000 });
  return Object.assign(document.createElement("textarea"), { rows: 2, maxLength: 20000 });
}

// Undefined is left out; what should be JSON and is not goes as the text it is, for the gateway to refuse.
function read(part, text) {
  if (text === "") return undefined;
  if (part.type === "boolean") return text === "true";
  if (part.type === "integer" || part.type === "number") return Number(text);
  if (Array.isArray(part.enum)) return part.enum.find((choice) => String(choice) === text);
  if (isPlain(part)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
