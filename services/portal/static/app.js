"use strict";
// A second press of a button does nothing, until the page comes back.
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented) return;
  const form = event.target;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "1";
  setTimeout(() => form.querySelectorAll("button").forEach((button) => { button.disabled = true; }), 0);
});
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => {
  delete form.dataset.sent;
  form.querySelectorAll("button").forEach((button) => { button.disabled = false; });
}));
// Fields that belong to one choice only stand there when it is chosen.
const fit = (root) => root.querySelectorAll("[data-only]").forEach((part) => {
  const field = part.closest("form").elements[part.dataset.only];
  if (field) part.hidden = field.value !== part.dataset.value;
});
document.addEventListener("change", (event) => { if (event.target.form) fit(event.target.form); });
document.addEventListener("DOMContentLoaded", () => fit(document));
document.addEventListener("htmx:afterSwap", () => fit(document));
// One key for one act, where no field is being filled in.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  const part = document.querySelector(`[data-key~="${CSS.escape(event.key.toLowerCase())}"]`);
  if (!part) return;
  event.preventDefault();
  if (part.matches("textarea")) part.focus(); else part.click();
});
// Print buttons.
document.addEventListener("click", (event) => { if (event.target.closest("[data-print]")) window.print(); });
// How much of a long text may still be written, once it matters.
document.addEventListener("input", (event) => {
  const field = event.target;
  if (!field.dataset.left) return;
  const left = field.maxLength - field.value.length;
  let told = field.nextElementSibling;
  if (!told || !told.matches("output")) {
    told = document.createElement("output");
    told.className = "soft small";
    field.after(told);
  }
  told.textContent = left < 200 ? field.dataset.left.replace("#", left) : "";
});
