// How somebody likes the page: kept in this browser.

const KEY = "switchhook.preferences";
const CHOICES = { theme: ["auto", "light", "dark"], mode: ["desk", "wall"] };

export function readPreferences(storage = globalThis.localStorage) {
  let kept = {};
  try {
    kept = JSON.parse(storage.getItem(KEY) ?? "{}");
  } catch {
    // What somebody else wrote there is not ours to understand.
  }
  const preferences = {};
  for (const [name, choices] of Object.entries(CHOICES)) preferences[name] = choices.includes(kept[name]) ? kept[name] : choices[0];
  show(preferences);
  return preferences;
}

/** The next choice. */
export function turn(preferences, name, storage = globalThis.localStorage) {
  const choices = CHOICES[name];
  preferences[name] = choices[(choices.indexOf(preferences[name]) + 1) % choices.length];
  storage.setItem(KEY, JSON.stringify(preferences));
  show(preferences);
}

function show({ theme, mode }) {
  const { dataset } = globalThis.document.documentElement;
  dataset.theme = theme;
  dataset.mode = mode;
}
