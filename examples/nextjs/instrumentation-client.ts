/** Runs before the page. While an input method composes text, keys are not for the page. */
addEventListener("keydown", keepFromPage, { capture: true });

function keepFromPage(event: KeyboardEvent): void {
  const isComposing = event.isComposing || event.keyCode === 229; // the last key, in Safari
  if (!isComposing) return;
  event.stopImmediatePropagation();
  // Enter would also submit the form, and Escape would close the dialog.
  if (event.key === "Enter" || event.key === "Escape") event.preventDefault();
}
