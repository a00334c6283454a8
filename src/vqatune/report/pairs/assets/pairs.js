{
  const form = find("#filters");
  const shown = find("#shown");
  /** A text without what a search does not look at: capitals and accents. */
  const plain = (text) => text.normalize("NFD").replace(/\p{Mn}/gu, "").toLowerCase();
  const cards = [...document.querySelectorAll(".card")].map((card) => ({
    card,
    rows: [...card.querySelectorAll("tbody tr")].map((row) => ({
      row,
      text: plain(`${row.cells[0].textContent} ${row.cells[1].textContent}`),
    })),
  }));
  const value = (name) => form.elements[name]?.value ?? "";

  function wanted({ row, text }, words, kind, check) {
    const why = row.dataset.check;
    const outcome = check === "" || (check === "kept" ? why === "" : check === "dropped" ? why !== "" : why === check);
    return outcome && (kind === "" || row.dataset.kind === kind) && words.every((word) => text.includes(word));
  }

  function show() {
    const [type, kind, check] = ["type", "kind", "check"].map(value);
    const words = plain(value("q")).split(/\s+/).filter(Boolean);
    const all = kind === "" && check === "" && !words.length;
    let [pairs, pictures] = [0, 0];
    for (const { card, rows } of cards) {
      const ofType = type === "" || card.dataset.type === type;
      let found = 0;
      for (const each of rows) {
        each.row.hidden = !wanted(each, words, kind, check);
        found += !each.row.hidden;
      }
      // A picture without pairs is shown where nothing is asked of the pairs.
      card.hidden = !ofType || !(found || all);
      if (!card.hidden) [pairs, pictures] = [pairs + found, pictures + 1];
    }
    shown.textContent = `${counted(pairs, "pair")} about ${counted(pictures, "picture")}`;
  }

  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(show));
  // The browser may have kept what was chosen before.
  show();
}
