// The policy editor: line numbers, Tab indents (Escape then Tab leaves), a problem's button goes to its line.
const box = document.querySelector(".gv-editor");
const text = box?.querySelector("textarea");

if (text) {
  const gutter = box.querySelector(".gv-gutter");
  const bad = new Set(box.dataset.bad.split(",").filter(Boolean).map(Number));
  let shown = 0;
  let leaving = false;

  const number = () => {
    const lines = text.value.split("\n").length;
    if (lines === shown) return;
    shown = lines;
    gutter.replaceChildren(...Array.from({ length: lines }, (_, place) => {
      const line = document.createElement("div");
      line.textContent = place + 1;
      line.className = bad.has(place + 1) ? "gv-bad" : "";
      return line;
    }));
    follow();
  };
  const follow = () => { gutter.scrollTop = text.scrollTop; };

  text.addEventListener("input", number);
  text.addEventListener("scroll", follow);
  text.addEventListener("keydown", (event) => {
    if (event.key === "Tab" && !event.shiftKey && !leaving) {
      event.preventDefault();
      text.setRangeText("  ", text.selectionStart, text.selectionEnd, "end");
      text.dispatchEvent(new Event("input"));
    }
    leaving = event.key === "Escape";
  });
  document.querySelectorAll("[data-line]").forEach((button) => button.addEventListener("click", () => {
    const lines = text.value.split("\n");
    const start = lines.slice(0, button.dataset.line - 1).reduce((sum, line) => sum + line.length + 1, 0);
    text.focus();
    text.setSelectionRange(start, start + (lines[button.dataset.line - 1] ?? "").length);
    text.scrollTop = (button.dataset.line - 3) * (text.scrollHeight / lines.length);
  }));
  number();
}
