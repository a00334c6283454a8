"use strict";

/** Return the first element that a selector finds. */
const find = (selector, inside = document) => inside.querySelector(selector);

/** Return the JSON in a script element. */
const readJson = (element) => JSON.parse(element.textContent);

/** Make an element; properties are attributes, children are elements or text, which is never taken for HTML. */
function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

const count = (number) => number.toLocaleString("en-US");
const counted = (number, what) => `${count(number)} ${what}${number === 1 ? "" : "s"}`;
const signed = (number, digits = 3) => {
  const text = Math.abs(number).toFixed(digits);
  return Number(text) === 0 ? text : (number < 0 ? "−" : "+") + text;
};
const spaced = (name) => name.replaceAll("_", " ");

/** A name whose lines may end after its underscores, and which is copied as it is. */
const breakable = (name) => name.split(/(?<=_)/).flatMap((part) => [part, make("wbr")]).slice(0, -1);

/** Fill a select with [value, text] pairs. */
function fill(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
  select.value = chosen;
}

/** The version that is compared with the last one at first: the first that was tuned, or base where there is but one. */
function firstShown(versions) {
  const chain = versions.filter((name) => name !== "blind");
  return chain[Math.max(0, Math.min(1, chain.length - 2))];
}

/** Make a table in a box of its own; columns: [title, is it a number]; rows: lists of elements or text. */
function makeTable(caption, columns, rows, { hideCaption = false, kind = "" } = {}) {
  const head = columns.map(([title, number]) => make("th", { scope: "col", class: number ? "number" : null }, title));
  const body = rows.map((cells) =>
    make("tr", {}, ...cells.map((cell, place) => {
      const number = columns[place][1] ? "number" : null;
      return place === 0 ? make("th", { scope: "row", class: number }, cell) : make("td", { class: number }, cell);
    })),
  );
  const table = make(
    "table",
    { class: kind || null },
    make("caption", { class: hideCaption ? "hidden" : null }, make("span", {}, caption)),
    make("thead", {}, make("tr", {}, ...head)),
    make("tbody", {}, ...body),
  );
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table);
}

const darkPreferred = matchMedia("(prefers-color-scheme: dark)");

const isDark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : darkPreferred.matches;
};

function startTheme() {
  const button = find("#theme");
  const name = () => (button.textContent = isDark() ? "Light colours" : "Dark colours");
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    name();
  });
  darkPreferred.addEventListener("change", name);
  name();
}

startTheme();
