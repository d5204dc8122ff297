// --- JSON that a server has sent, read within bounds ---

const MAX_JSON_LENGTH = 1 << 20; // characters
const MAX_JSON_DEPTH = 64; // arrays and objects in each other

/** Whether a JSON text has more levels than the limit; what is inside of a string is none. */
function nestsDeeper(text, limit) {
  let depth = 0;
  let isString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (isString && character === "\\") at += 1;
    else if (character === '"') isString = !isString;
    else if (!isString && "[{".includes(character)) depth += 1;
    else if (!isString && "]}".includes(character)) depth -= 1;
    if (depth > limit) return true;
  }
  return false;
}

/** The value of a JSON text; fails for what is none, too long or nested too deep. */
function parseJson(text) {
  if (text.length > MAX_JSON_LENGTH) throw new Error(`the JSON has more than ${MAX_JSON_LENGTH} characters`);
  if (nestsDeeper(text, MAX_JSON_DEPTH)) throw new Error(`the JSON is nested deeper than ${MAX_JSON_DEPTH} levels`);
  return JSON.parse(text);
}

/** The value of an answer's body; undefined when it is not usable. */
async function readJson(response) {
  try {
    return parseJson(await response.text());
  } catch {
    return undefined;
  }
}
