/** The colours and letters of charts. The colours are the page's by name, so that a chart follows the theme and paper. */
function chartConfig(colour = (name) => `var(--${name})`) {
  const [text, muted, grid, line] = ["text", "muted", "grid", "strong"].map(colour);
  const font = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif';
  const labels = { labelColor: muted, titleColor: text, titleFontWeight: 500, labelFontSize: 12, titleFontSize: 12 };
  return {
    background: "transparent",
    font,
    view: { stroke: null },
    axis: { ...labels, labelPadding: 5, gridColor: grid, domainColor: line, tickColor: line },
    legend: { ...labels, labelColor: text },
    header: labels,
    title: { color: text, subtitleColor: muted, fontSize: 13, fontWeight: 600 },
    text: { color: text },
    rule: { color: line },
  };
}

const charts = [...document.querySelectorAll("figure.chart")].map((figure) => ({
  figure,
  plot: find(".plot", figure),
  views: null,
  shown: null,
  drawing: 0,
  ready: null,
}));

const EMBEDDING = {
  mode: "vega-lite",
  renderer: "svg",
  actions: false,
  // Errors alone: it warns of what it puts right.
  logLevel: 1,
  // Expressions are interpreted, as the page's policy forbids to compile them.
  ast: true,
};

/** The view that is chosen of a chart that has several. */
const chosenView = (chart) => find(".switch input:checked", chart.figure)?.value;

/** A chart in the view that is chosen. */
function chosenSpec(chart) {
  chart.views ??= readJson(find("script.views", chart.figure));
  return chart.views[chosenView(chart) ?? Object.keys(chart.views)[0]];
}

/** Let a press on a mark whose row has a link lead there. */
function followsLinks(shown) {
  shown.view.addEventListener("click", (_, item) => {
    if (item?.datum?.link) follow(item.datum.link);
  });
  return shown;
}

/** Draw a chart, or draw it again; chart.ready is fulfilled when it is done. */
const draw = (chart) => (chart.ready = embed(chart));

async function embed(chart) {
  const spec = chosenSpec(chart);
  const drawing = ++chart.drawing;
  // What is below must not jump up and down again.
  chart.plot.style.minHeight = `${chart.plot.offsetHeight}px`;
  const holder = make("div");
  holder.style.width = "100%";
  chart.shown?.view.finalize();
  chart.plot.replaceChildren(holder);
  try {
    const shown = await vegaEmbed(holder, spec, { ...EMBEDDING, config: chartConfig() });
    if (drawing === chart.drawing) chart.shown = followsLinks(shown);
    else shown.view.finalize();
  } catch (error) {
    holder.textContent = `This chart cannot be drawn here: ${error.message}`;
    console.error(error);
  }
  chart.plot.style.minHeight = "";
  chart.plot.classList.add("drawn");
}

/** Draw those charts that are not drawn, and wait for those that are being drawn. */
const drawAll = (some) => Promise.all(some.map((chart) => chart.ready ?? draw(chart)));

/** Go to a part of the page, once all that is drawn above it has its height. */
async function goTo(target) {
  await drawAll(charts.filter(({ figure }) => target.compareDocumentPosition(figure) & Node.DOCUMENT_POSITION_PRECEDING));
  target.scrollIntoView();
}

/** The part that an address names: "#examples?q=red" is in #examples. */
const named = (hash) => document.getElementById(hash.slice(1).split("?")[0]);

/** Go to the part of the page that an address within it names. */
function follow(hash) {
  // This way the Tab key, too, goes on from there.
  location.hash = hash;
  goTo(named(hash));
}

function startCharts() {
  const near = new IntersectionObserver(
    (entries) => {
      for (const entry of entries.filter((each) => each.isIntersecting)) {
        near.unobserve(entry.target);
        const chart = charts.find((each) => each.figure === entry.target);
        drawAll([chart]);
      }
    },
    { rootMargin: "600px 0px" },
  );
  for (const chart of charts) {
    near.observe(chart.figure);
    find(".switch", chart.figure)?.addEventListener("change", () => draw(chart));
  }
  addEventListener("beforeprint", () => drawAll(charts));
  for (const link of document.querySelectorAll('nav a, main a[href^="#"]')) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      follow(link.hash);
    });
  }
  const target = location.hash && named(location.hash);
  if (target) goTo(target);
}

startCharts();
