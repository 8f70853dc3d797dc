// Puts the built module into one HTML file, and both among the package's assets; --check compares instead of writing.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

const built = readFileSync("dist/explorer.js", "utf8");
// The page's script is the module itself, its default export started; the end of a script element must not occur in it.
const page = built.replace(/export\s*\{\s*([\w$]+) as default\s*\};?\s*$/, "$1.page();").replaceAll("</script", "<\\/script");
if (page === built) throw new Error("the built module has another ending than expected");
const hash = createHash("sha256").update(page).digest("base64");
const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'sha256-${hash}'; style-src 'unsafe-inline'; img-src data: blob:; worker-src blob:; connect-src 'self'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>localgrad</title>
<style>html,body{margin:0;height:100%}#localgrad{height:100vh;height:100dvh}@media print{#localgrad{height:auto}}</style>
</head>
<body>
<main id="localgrad"></main>
<script type="application/json" id="localgrad-document">LOCALGRAD_DOCUMENT</script>
<script type="module">${page}</script>
</body>
</html>
`;
const assets = new URL("../src/localgrad/show/assets/", import.meta.url);
let stale = false;
for (const [name, text] of [["explorer.html", html], ["explorer.js", built]]) {
  const file = new URL(name, assets);
  if (process.argv.includes("--check")) {
    if (readFileSync(file, "utf8") !== text) { console.error(`${name} is not what the sources build; run 'make web' and commit it`); stale = true; }
  } else writeFileSync(file, text);
  console.log(`${name}: ${(text.length / 1024).toFixed(0)} kB`);
}
process.exit(stale ? 1 : 0);
