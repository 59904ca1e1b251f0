// JSON inside a command that is typed into a shell.

const json = (value) => JSON.stringify(value, null, 1).replace(/\n\s*/g, " ");
const NOW = "'\"$(date -u +%FT%TZ)\"'";

// Inside single quotes.
export const quoted = (text) => text.replace(/'/g, "'\\''");

// Inside an XML element.
export const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

// A body for single quotes whose time is asked of the shell.
export function body(value) {
  return quoted(json(value)).replaceAll("@now@", NOW);
}
