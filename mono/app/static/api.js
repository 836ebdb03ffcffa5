// Requests to the app's server; what goes wrong is told in plain words.
let program = "metricdepth app";
export function servedBy(name) { program = name; }

async function receive(path, kind, options) {
  let answer;
  try {
    answer = await fetch(path, options);
    if (answer.ok) return kind === "file" ? [await answer.blob(), fileName(answer)] : await answer[kind]();
  } catch {
    throw new Error(`The server does not answer: is \`${program}\` still running?`);
  }
  let text = `The server answered ${answer.status} (${answer.statusText}).`;
  try { text = (await answer.json()).error || text; } catch { /* no JSON: the status is all there is */ }
  throw new Error(text);
}

function fileName(answer) {
  return /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") || "")?.[1] || "download";
}

export const get = (path, kind = "json") => receive(path, kind);
export const post = (path, body, kind = "json") => receive(path, kind, { method: "POST", body });
export const floats = async (path) => new Float32Array(await get(path, "arrayBuffer"));

// Image of the server, as an element that holds its content.
export async function picture(path) {
  const image = new Image();
  image.src = URL.createObjectURL(await get(path, "blob"));
  try { await image.decode(); } finally { URL.revokeObjectURL(image.src); }
  return image;
}

// Hand a file to the browser's downloads.
export function deliver([blob, name]) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

// Projects are ZIP files; their content tells, not their name.
export async function isProject(file) {
  try {
    return new TextDecoder("latin1").decode(await file.slice(0, 4).arrayBuffer()) === "PK\x03\x04";
  } catch {
    throw new Error(`${file.name} cannot be read: is it a folder?`);
  }
}
