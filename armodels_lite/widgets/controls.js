// Reset, back, play, step and a slider. The kernel owns the picture; this side owns the clock.

function go(model, step) {
  const target = Math.min(Math.max(step, 0), model.get("last"));
  if (target !== model.get("step")) {
    model.set("step", target);
    model.save_changes();
  }
}

function setPlaying(model, playing) {
  if (playing && model.get("step") >= model.get("last")) go(model, 0);
  model.set("playing", playing);
  model.save_changes();
}

// One clock for all views of a widget.
function initialize({ model }) {
  let timer = null;
  const tick = () => {
    if (model.get("drawn") !== model.get("step")) return; // the kernel is still drawing
    if (model.get("step") >= model.get("last")) setPlaying(model, false);
    else go(model, model.get("step") + 1);
  };
  const update = () => {
    clearInterval(timer);
    timer = model.get("playing") ? setInterval(tick, model.get("interval")) : null;
  };
  model.on("change:playing", update);
  model.on("change:interval", update);
  update();
  return () => clearInterval(timer);
}

function button(name, tip, action) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = name;
  element.title = tip;
  element.addEventListener("click", action);
  return element;
}

function keyHandler(model) {
  const moves = {
    ArrowRight: () => model.get("step") + 1,
    ArrowUp: () => model.get("step") + 1,
    ArrowLeft: () => model.get("step") - 1,
    ArrowDown: () => model.get("step") - 1,
    PageUp: () => model.get("step") + model.get("jump"),
    PageDown: () => model.get("step") - model.get("jump"),
    Home: () => 0,
    End: () => model.get("last"),
  };
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (moves[event.key]) go(model, moves[event.key]());
    // On a button space presses the button, as everywhere.
    else if (event.key === " " && event.target.tagName !== "BUTTON") setPlaying(model, !model.get("playing"));
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
}

// JupyterLab gives plain keys a meaning wherever the focus is: an arrow in a dropdown would leave the cell, a "b" add
// one below. Here they are the widget's own. Keys with a modifier stay Lab's, and so does shift and enter: run.
function keepPlainKeys(event) {
  const command = event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter");
  if (!command) event.stopPropagation();
}

// The box of the whole widget, dropdowns and sliders included, takes this view in after it is rendered. It has a size
// only then.
function keepKeysOfWidget(root) {
  const shown = new ResizeObserver(() => {
    root.closest(".armodels-widget")?.addEventListener("keydown", keepPlainKeys); // a second time changes nothing
  });
  shown.observe(root);
  return () => shown.disconnect();
}

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "armodels-controls";
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Playback");
  // JupyterLab must not take the arrow keys for moving between cells.
  root.setAttribute("data-lm-suppress-shortcuts", "true");

  const reset = button("Reset", "To step 0, with other changes undone", () => model.send({ action: "reset" }));
  const back = button("Back", "One step back (left arrow)", () => go(model, model.get("step") - 1));
  const play = button("Play", "Go on by itself (space)", () => setPlaying(model, !model.get("playing")));
  const step = button("Step", "One step on (right arrow)", () => go(model, model.get("step") + 1));

  const slider = document.createElement("input");
  slider.type = "range";
  slider.min = 0;
  slider.addEventListener("input", () => go(model, Number(slider.value)));
  const readout = document.createElement("output");
  const hint = document.createElement("span");
  hint.className = "armodels-hint";
  hint.textContent = "Keys here: left and right, home, end, space to play";
  const error = document.createElement("div");
  error.className = "armodels-error";
  error.setAttribute("role", "alert");

  const update = () => {
    const [now, last, label] = [model.get("step"), model.get("last"), model.get("label")];
    const words = model.get("readouts")[now] ?? `${label} ${now} of ${last}`;
    slider.max = last;
    slider.value = now;
    slider.title = `${label} 0 to ${last}`;
    slider.setAttribute("aria-label", label);
    slider.setAttribute("aria-valuetext", words);
    readout.textContent = words;
    play.textContent = model.get("playing") ? "Pause" : "Play";
    // Not `disabled`: that would take the focus, and the keys with it, from a button that was just pressed.
    back.setAttribute("aria-disabled", String(now === 0));
    step.setAttribute("aria-disabled", String(now === last));
    error.textContent = model.get("error");
    error.hidden = !model.get("error");
    root.dataset.drawn = model.get("drawn");
  };

  const buttons = document.createElement("div");
  buttons.className = "armodels-buttons";
  buttons.append(reset, back, play, step);
  root.append(buttons, slider, readout, hint, error);
  root.addEventListener("keydown", keyHandler(model));
  el.append(root);
  const forget = keepKeysOfWidget(root);
  model.on("change", update);
  update();
  return () => {
    forget();
    model.off("change", update);
  };
}

export default { initialize, render };
