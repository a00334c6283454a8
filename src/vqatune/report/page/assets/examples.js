{
  const data = readJson(find("#example-data"));
  const { versions, texts, images } = data;
  const form = find("#filters");
  const [cards, more, shown] = [find("#cards"), find("#more"), find("#shown")];
  const AT_ONCE = 24;
  const NAMES = ["difficulty", "kind", "type", "ref", "a", "ar", "b", "br", "said", "q"];

  for (const image of images) {
    image.questions = image.questions.map(([question, reference, difficulty, kind, answers, probabilities, right]) => ({
      question: texts[question],
      reference: texts[reference],
      difficulty: difficulty === null ? "" : String(difficulty),
      kind: kind === null ? "" : texts[kind],
      answers: answers.map((place) => texts[place]),
      probabilities,
      right: [...right].map((each) => each === "1"),
    }));
  }
  const questions = images.flatMap((image) => image.questions);
  /** A text without what a search does not look at: capitals and accents. */
  const plain = (text) => text.normalize("NFD").replace(/\p{Mn}/gu, "").toLowerCase();
  const plainTexts = new Map(texts.map((text) => [text, plain(text)]));
  /** An answer as the confusion table has it: what exact match compares. */
  const answerForm = (text) => text.normalize("NFC").toLowerCase().trim().replace(/\s+/g, " ") || "(empty)";
  const answerForms = new Map(texts.map((text) => [text, answerForm(text)]));
  const distinct = (values) => [...new Set(values)].filter((value) => value !== "").sort((x, y) => x.localeCompare(y, "en", { numeric: true }));
  const defaults = { difficulty: "", kind: "", type: "", ref: "", a: data.opened[0], ar: "", b: data.opened[1], br: "", said: "", q: "" };

  function fillForm() {
    const any = (values) => [["", "any"], ...values.map((value) => [value, value])];
    const each = versions.map((name) => [name, name]);
    const outcomes = [["", "right or wrong"], ["right", "right"], ["wrong", "wrong"]];
    const options = {
      difficulty: any(distinct(questions.map((question) => question.difficulty))),
      kind: any(distinct(questions.map((question) => question.kind))),
      type: any(distinct(images.map((image) => image.type))),
      a: each, ar: outcomes, b: each, br: outcomes,
    };
    for (const [name, pairs] of Object.entries(options)) fill(form.elements[name], pairs, defaults[name]);
  }

  /** What the form says: name → text. */
  const chosen = () => Object.fromEntries(NAMES.map((name) => [name, form.elements[name].value]));

  /** The versions whose answers stand in the cards: the two of the filter, and the leading one. */
  const columns = ({ a, b }) => [...new Set([a, b, data.opened[1]].map((name) => versions.indexOf(name)))];

  /** Return a function that says whether a question of an image is to be shown. */
  function filter(choice) {
    const words = plain(choice.q).split(/\s+/).filter(Boolean);
    const places = columns(choice);
    const outcome = (name, wanted) => (question) => wanted === "" || question.right[versions.indexOf(name)] === (wanted === "right");
    const is = (text, wanted) => wanted.trim() === "" || answerForms.get(text) === answerForm(wanted);
    const said = versions.indexOf(choice.b);
    const [first, second] = [outcome(choice.a, choice.ar), outcome(choice.b, choice.br)];
    return (image, question) =>
      (choice.difficulty === "" || question.difficulty === choice.difficulty) &&
      (choice.kind === "" || question.kind === choice.kind) &&
      (choice.type === "" || image.type === choice.type) &&
      is(question.reference, choice.ref) &&
      is(question.answers[said], choice.said) &&
      first(question) &&
      second(question) &&
      words.every((word) =>
        [question.question, question.reference, ...places.map((place) => question.answers[place])].some((text) =>
          plainTexts.get(text).includes(word),
        ),
      );
  }

  /** A probability in thousandths as text; there is none where the picture did not open, and for the blind guess. */
  function percentage(thousandths) {
    if (thousandths === null) return "";
    return ` ${thousandths < 5 ? "<1" : Math.round(thousandths / 10)}\u00a0%`;
  }

  function answer(question, place) {
    const right = question.right[place];
    return make(
      "span",
      { class: `answer ${right ? "better" : "worse"}` },
      make("span", { class: "mark", "aria-hidden": "true" }, right ? "✓\u00a0" : "✗\u00a0"),
      question.answers[place] || "(nothing)",
      make("span", { class: "hidden" }, right ? ", right," : ", wrong,"),
      make("span", { class: "faint" }, percentage(question.probabilities[place])),
    );
  }

  function questionTable(image, some, places, caption) {
    const head = [["question", false], ["reference", false], ...places.map((place) => [versions[place], false])];
    const rows = some.map((question) => [question.question, question.reference, ...places.map((place) => answer(question, place))]);
    return makeTable(caption, head, rows, { hideCaption: true, kind: "questions" });
  }

  /** A part of a card that is made when it is opened. */
  function folded(title, content) {
    const details = make("details", {}, make("summary", {}, title));
    details.addEventListener("toggle", () => details.append(content()), { once: true });
    return details;
  }

  function card({ image, some }, places) {
    const about = `${image.type}, image ${image.id}`;
    const others = image.questions.filter((question) => !some.includes(question));
    const body = make(
      "div",
      {},
      make("h3", { tabindex: "-1" }, image.type, " ", make("span", {}, `image ${image.id}, listing ${image.item}`)),
      questionTable(image, some, places, `Questions about ${about}`),
    );
    if (others.length) {
      const title = `${counted(others.length, "more question")} about this picture`;
      body.append(folded(title, () => questionTable(image, others, places, `More questions about ${about}`)));
    }
    if (places.length < versions.length) {
      const every = versions.map((_, place) => place);
      body.append(folded("Answers of all versions", () => questionTable(image, image.questions, every, `All versions on ${about}`)));
    }
    const picture = make("div", {}, make("img", { src: image.source, alt: about, loading: "lazy", decoding: "async" }));
    return make("article", { class: "card", "aria-label": about }, picture, body);
  }

  let found = [];
  let places = [];

  /** Show some more of what was found; return the first of them. */
  function showMore() {
    const start = cards.childElementCount;
    cards.append(...found.slice(start, start + AT_ONCE).map((each) => card(each, places)));
    const left = found.length - cards.childElementCount;
    more.hidden = left === 0;
    more.textContent = `Show ${Math.min(AT_ONCE, left)} more`;
    return cards.children[start];
  }

  function show() {
    const choice = chosen();
    const wanted = filter(choice);
    places = columns(choice);
    found = images
      .map((image) => ({ image, some: image.questions.filter((question) => wanted(image, question)) }))
      .filter(({ some }) => some.length);
    const number = found.reduce((sum, { some }) => sum + some.length, 0);
    const none = number ? "" : ": no question fits all filters, so change one or clear them";
    shown.textContent = `${count(number)} of ${counted(questions.length, "question")}, about ${count(found.length)} of ${counted(images.length, "picture")}${none}`;
    cards.replaceChildren();
    showMore();
    remember(choice);
  }

  /** Keep what is chosen in the address, so that it can be sent to someone. */
  function remember(choice) {
    const changed = NAMES.filter((name) => choice[name] !== defaults[name]);
    const query = new URLSearchParams(changed.map((name) => [name, choice[name]]));
    const hash = changed.length ? `#examples?${query}` : "#examples";
    if (changed.length || location.hash.startsWith("#examples?")) history.replaceState(null, "", hash);
  }

  /** Take what is chosen from the address; return whether it says something. */
  function recall() {
    const [section, query] = location.hash.split("?");
    if (section !== "#examples" || query === undefined) return false;
    const kept = new URLSearchParams(query);
    for (const name of NAMES) {
      const element = form.elements[name];
      const value = kept.get(name) ?? defaults[name];
      element.value = value;
      if (element.value !== value) element.value = defaults[name];
    }
    return true;
  }

  fillForm();
  let waiting;
  form.addEventListener("input", (event) => {
    clearTimeout(waiting);
    // Not at every key of a word.
    waiting = setTimeout(show, event.target.type === "search" ? 120 : 0);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    for (const name of NAMES) form.elements[name].value = defaults[name];
    show();
  });
  more.addEventListener("click", () => find("h3", showMore()).focus());
  addEventListener("hashchange", () => {
    if (recall()) show();
  });
  recall();
  show();
}
