/** Let the browser keep a file. */
function keepFile(name, blob) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  // The browser reads it after the click.
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/** A number as programs read it: with their minus, and where it stands alone without commas between thousands. */
function plainNumber(text) {
  const signed = text.replace(/^−(?=\d)/, "-");
  return /^[-+]?\d{1,3}(,\d{3})+(\.\d+)?$/.test(signed) ? signed.replaceAll(",", "") : signed;
}

/** Return a table's rows as CSV. */
function asCsv(table) {
  const quoted = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const cell = (each) => quoted(plainNumber(each.textContent.trim().replaceAll("\u00a0", " ")));
  return [...table.rows].map((row) => [...row.cells].map(cell).join(",") + "\n").join("");
}

/** Buttons under what they save: [text, what it does]. */
function saveButtons(what, buttons) {
  const made = buttons.map(([text, save]) => {
    const button = make("button", { type: "button", "aria-label": `Save ${what} as ${text}` }, text);
    button.addEventListener("click", save);
    return button;
  });
  return make("p", { class: "save" }, "Save as", ...made);
}

/** Put a button under the box of a table, and return both as one; the file has the given name, or the figure's. */
function saveableTable(box, given) {
  const table = find("table", box);
  const caption = find("caption", table).textContent.trim();
  const name = () => given ?? box.closest("figure")?.id ?? caption.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 60).replace(/-$/, "");
  const save = () => keepFile(`${name()}.csv`, new Blob([asCsv(table)], { type: "text/csv" }));
  const both = make("div");
  box.replaceWith(both);
  both.append(box, saveButtons(`“${caption}”`, [["CSV", save]]));
  return both;
}

/** The page's colours in the light theme, name → colour: what is saved goes on paper. */
function lightColours() {
  const root = document.documentElement;
  const theme = root.dataset.theme;
  root.dataset.theme = "light";
  const style = getComputedStyle(root);
  const names = ["text", "muted", "grid", "strong"];
  const colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  if (theme === undefined) delete root.dataset.theme;
  else root.dataset.theme = theme;
  return colours;
}

/** A saved chart has at least so many pixels, which its title needs. */
const LEAST_WIDTH = 720;

/** Return a view of a chart as it is shown, in colours that need no page. */
async function viewToSave(chart) {
  const colours = lightColours();
  const config = { ...chartConfig((name) => colours[name]), background: "#ffffff" };
  const title = { text: find("h3", chart.figure).textContent, subtitle: chosenView(chart) ?? "", anchor: "start" };
  const spec = { ...chosenSpec(chart), width: Math.max(chart.plot.clientWidth, LEAST_WIDTH), title };
  const shown = await vegaEmbed(make("div"), spec, { ...EMBEDDING, config });
  return shown.view;
}

/** The name of a picture: the figure's and, where it has several, that of the view. */
const pictureName = (chart) => [chart.figure.id, chosenView(chart)].filter(Boolean).join("-").replace(/[^A-Za-z0-9_]+/g, "-");

async function saveSvg(chart) {
  const view = await viewToSave(chart);
  keepFile(`${pictureName(chart)}.svg`, new Blob([await view.toSVG()], { type: "image/svg+xml" }));
  view.finalize();
}

async function savePng(chart) {
  const view = await viewToSave(chart);
  const canvas = await view.toCanvas(2);
  canvas.toBlob((blob) => keepFile(`${pictureName(chart)}.png`, blob), "image/png");
  view.finalize();
}

for (const box of document.querySelectorAll(".scroll[role=region]")) saveableTable(box);
for (const chart of charts) {
  const title = find("h3", chart.figure).textContent;
  chart.plot.after(saveButtons(`“${title}”`, [["SVG", () => saveSvg(chart)], ["PNG", () => savePng(chart)]]));
}
