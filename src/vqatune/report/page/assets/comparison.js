{
  const data = readJson(find("#comparison-data"));
  const { what, versions, totals, slices, smallest, fewest_images: fewestImages } = data;
  const [first, second] = [find("#first-version"), find("#second-version")];
  const [said, result] = [find("#comparison-sentence"), find("#comparison-result")];
  const AT_ONCE = 12;

  /** Where the values of two versions are in a slice's lists: (0, 1), (0, 2), … (1, 2), … */
  const pairPlace = (low, high) => (low * (2 * versions.length - low - 1)) / 2 + (high - low - 1);

  /** What changed in a slice from version a to version b (places). */
  function change(slice, a, b) {
    const { pairs, right } = slice;
    const place = pairPlace(Math.min(a, b), Math.max(a, b));
    const [gained, lost] = a < b ? [slice.gained[place], slice.lost[place]] : [slice.lost[place], slice.gained[place]];
    const difference = (right[b] - right[a]) / pairs;
    const half = slice.half[place];
    const certain = half !== null && Math.abs(difference) > half;
    // The end of the interval nearer to no change: a large change of few questions comes after one that is sure.
    const sure = Math.abs(difference) - (half ?? Infinity);
    return { slice, before: right[a] / pairs, after: right[b] / pairs, difference, half, certain, sure, gained, lost };
  }

  const fileName = (title, names) => [...title.toLowerCase().split(" "), ...names].join("-");

  const plusMinus = ({ difference, half }) => signed(difference) + (half === null ? "" : ` ±\u00a0${half.toFixed(3)}`);

  function sliceTable(caption, changes, names, name) {
    const columns = [
      ["slice", false], ["difference", true], [names[0], true], [names[1], true],
      ["gained", true], ["lost", true], ["questions", true],
    ];
    const rows = changes.map((each) => [
      make("span", {}, make("span", { class: "kind" }, spaced(each.slice.slice)), " ", ...breakable(each.slice.value)),
      make("span", each.certain ? {} : { class: "faint" }, plusMinus(each) + (each.certain ? "" : " (uncertain)")),
      each.before.toFixed(3),
      each.after.toFixed(3),
      count(each.gained),
      count(each.lost),
      count(each.slice.pairs),
    ]);
    return saveableTable(makeTable(caption, columns, rows, { kind: "slices" }), name);
  }

  /** A table of the first changes, and the others folded under it. */
  function someOf(title, caption, changes, names) {
    const box = make("div", { "data-side": title.toLowerCase() }, make("h3", {}, `${title} (${changes.length})`));
    if (!changes.length) box.append(make("p", {}, "No slice."));
    else box.append(sliceTable(caption, changes.slice(0, AT_ONCE), names, fileName(title, names)));
    if (changes.length > AT_ONCE) {
      const rest = changes.slice(AT_ONCE);
      box.append(make("details", {}, make("summary", {}, `${rest.length} more`), sliceTable(`${caption}, continued`, rest, names, fileName(`${title} more`, names))));
    }
    return box;
  }

  const withInterval = (row, place) => {
    const [value, low, high] = [row.value[place], row.low[place], row.high[place]];
    if (value === null) return "–";
    const interval = low === null ? [] : [make("span", { class: "faint" }, ` ${low.toFixed(3)} to ${high.toFixed(3)}`)];
    return make("span", {}, value.toFixed(3), ...interval);
  };

  /** A metric's name, and the names of those that equal it in all versions. */
  function named(row) {
    const faint = (text) => make("span", { class: "faint" }, text);
    const equal = row.equal.length ? [faint(` and, equal to it, ${row.equal.map(spaced).join(", ")}`)] : [];
    return make("span", {}, spaced(row.name), ...equal);
  }

  function totalsTable(a, b, all) {
    const rows = totals.map((row) => {
      const [before, after] = [row.value[a], row.value[b]];
      const values = [withInterval(row, a), withInterval(row, b)];
      if (before === null || after === null) return [named(row), "–", ...values];
      const difference = after - before;
      const paired = row.name === "exact_match" && all.half !== null;
      const shown = paired ? plusMinus(all) : signed(difference);
      const better = difference > 0 === row.higher_is_better;
      if (row.higher_is_better === null) return [named(row), shown, ...values];
      const overlap = row.low[a] === null || row.low[b] === null || (row.low[a] <= row.high[b] && row.low[b] <= row.high[a]);
      const uncertain = paired ? !all.certain : overlap;
      const [kind, said] = uncertain ? ["faint", shown] : better ? ["better", `▲ better ${shown}`] : ["worse", `▼ worse ${shown}`];
      return [named(row), make("span", { class: kind }, said), ...values];
    });
    const columns = [["metric", false], ["difference", true], [versions[a], true], [versions[b], true]];
    const caption =
      "Every metric over the whole test set, with 95\u00a0% intervals. Better or worse is where these do not overlap; of exact match, " +
      "which is judged more finely, where the interval of the difference leaves 0 out.";
    return saveableTable(makeTable(caption, columns, rows, { kind: "totals" }), `metrics-${versions[a]}-${versions[b]}`);
  }

  function show() {
    const [a, b] = [first, second].map((select) => versions.indexOf(select.value));
    const names = [versions[a], versions[b]];
    if (a === b) {
      said.textContent = `${names[0]} and ${names[1]} are the same ${what}: choose another one.`;
      result.replaceChildren();
      return;
    }
    const [all, ...changes] = slices.map((slice) => change(slice, a, b));
    const isLarge = ({ slice, half }) => slice.pairs >= smallest && half !== null;
    const large = changes.filter(isLarge);
    const bySureness = (x, y) => y.sure - x.sure || y.slice.pairs - x.slice.pairs;
    const better = large.filter((each) => each.certain && each.difference > 0).sort(bySureness);
    const worse = large.filter((each) => each.certain && each.difference < 0).sort(bySureness);
    const uncertain = large.filter((each) => !each.certain && each.difference !== 0).sort(bySureness);
    const apart = changes.filter((each) => !isLarge(each) || each.difference === 0);
    const sentence =
      `From ${names[0]} to ${names[1]}, exact match goes from ${all.before.toFixed(3)} to ${all.after.toFixed(3)} ` +
      `(${plusMinus(all)}${all.certain ? "" : ", uncertain"}): of ${count(all.slice.pairs)} questions, ` +
      `${count(all.gained)} that were wrong are right, and ${count(all.lost)} that were right are wrong.`;
    said.textContent = sentence;
    const order = "by the end of the interval that is nearer to 0";
    const chance = Math.round(large.length / 20);
    result.replaceChildren(
      someOf("Better", `Slices in which ${names[1]} is better than ${names[0]}, ${order}`, better, names),
      someOf("Worse", `Slices in which ${names[1]} is worse than ${names[0]}, ${order}`, worse, names),
    );
    if (chance >= 1) {
      const found = better.length + worse.length;
      const text = `With intervals of 95\u00a0%, about ${chance} of ${large.length} slices would be better or worse even if nothing had changed; there ${found === 1 ? "is 1" : `are ${count(found)}`}.`;
      result.append(make("p", { class: "faint" }, text));
    }
    const folded = [
      ["uncertain", "Uncertain: the interval of the difference holds 0", uncertain],
      ["apart", `Not judged: no change, or fewer than ${smallest} questions or ${fewestImages} pictures`, apart],
    ];
    for (const [side, caption, some] of folded.filter(([, , some]) => some.length)) {
      const summary = make("summary", {}, `${caption} (${some.length})`);
      result.append(make("details", { "data-side": side }, summary, sliceTable(caption, some, names, fileName(side, names))));
    }
    result.append(make("h3", {}, "All metrics"), totalsTable(a, b, all));
    const notes = totals.filter((row) => row.note).map((row) => `${spaced(row.name)}: ${row.note}.`);
    if (notes.length) result.append(make("p", { class: "faint" }, notes.join(" ")));
    if (what === "version") {
      const command = make("code", {}, `vqatune compare ${names[0]} ${names[1]}`);
      const text = "Both versions answer the same questions, so the interval of a difference is usually narrower than these two suggest. The intervals of the differences of all metrics: ";
      result.append(make("p", { class: "faint" }, text, command, "."));
    }
  }

  const options = versions.map((name) => [name, name]);
  const [from, to] = data.opened ?? [firstShown(versions), versions.at(-1)];
  fill(first, options, from);
  fill(second, options, to);
  for (const select of [first, second]) select.addEventListener("change", show);
  find("#swap-versions").addEventListener("click", () => {
    [first.value, second.value] = [second.value, first.value];
    show();
  });
  show();
}
