// The one question the page asks: a token, where the gateway wants one.

import { h } from "./render.js";

/** `ask` takes the token that was entered. */
export function signin(why, ask) {
  return h(
    "form",
    {
      key: "signin",
      class: "signin",
      "aria-labelledby": "signin-title",
      onsubmit: (event) => {
        event.preventDefault();
        const input = event.target.elements.namedItem("token");
        const token = input.value.trim();
        if (token === "") return;
        input.value = "";
        ask(token);
      },
    },
    h("h2", { id: "signin-title" }, "Who is looking?"),
    h("p", null, "This gateway answers to tokens. It needs the scopes events:read and state:read; with admin, events can be explained. The token stays in this tab."),
    why === undefined ? null : h("p", { class: "said bad", role: "alert" }, why),
    h("label", { class: "field" }, h("span", null, "Token"), h("input", { name: "token", type: "password", autocomplete: "off", spellcheck: "false", required: true, ref: (node) => requestAnimationFrame(() => node.focus()) })),
    h("button", { type: "submit", class: "button primary" }, "Show"),
  );
}
