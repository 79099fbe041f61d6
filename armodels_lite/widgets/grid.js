// A grid of pixels on a canvas. What is see-through shows the hatched background of the canvas element, which the
// style sheet draws, so that it follows the theme; everything painted here is readable on light and dark alike.

const LINES = "rgba(128, 128, 128, 0.4)";
const MARK = "#D55E00";
const CURSOR = "#0072B2";

function outline(context, x, y, side, colour, scale) {
  const width = Math.max(2, Math.min(4, side / 9)) * scale;
  // A white line inside and outside the coloured one: seen on any pixel.
  for (const [stroke, line] of [["#FFFFFF", 2.2 * width], [colour, width]]) {
    context.strokeStyle = stroke;
    context.lineWidth = line;
    context.strokeRect(x + width / 2, y + width / 2, side * scale - width, side * scale - width);
  }
}

// The sign of a pixel that was set by hand.
function corner(context, x, y, side, scale) {
  context.fillStyle = MARK;
  context.strokeStyle = "#FFFFFF";
  context.lineWidth = scale;
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x + side, y);
  context.lineTo(x, y + side);
  context.closePath();
  context.fill();
  context.stroke();
}

function bytes(view) {
  return view ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : new Uint8Array();
}

function paintCanvas(canvas, model, cursor) {
  const [rows, columns] = [model.get("rows"), model.get("columns")];
  const side = Math.max(2, Math.floor(model.get("size") / columns));
  const scale = window.devicePixelRatio || 1;
  canvas.style.width = `${side * columns}px`;
  canvas.width = Math.round(side * columns * scale); // also clears it
  canvas.height = Math.round(side * rows * scale);
  const context = canvas.getContext("2d");
  const [frame, flags] = [bytes(model.get("frame")), bytes(model.get("flags"))];
  const edge = (index) => Math.round(index * side * scale);
  for (let pixel = 0; pixel < rows * columns; pixel++) {
    const [row, column] = [Math.floor(pixel / columns), pixel % columns];
    const [x, y] = [edge(column), edge(row)];
    const [red, green, blue, opacity] = frame.subarray(4 * pixel, 4 * pixel + 4);
    if (opacity) {
      context.fillStyle = `rgba(${red}, ${green}, ${blue}, ${opacity / 255})`;
      context.fillRect(x, y, edge(column + 1) - x, edge(row + 1) - y);
    }
  }
  if (side >= 6) {
    context.fillStyle = LINES;
    for (let c = 0; c <= columns; c++) context.fillRect(Math.min(edge(c), canvas.width - 1), 0, 1, canvas.height);
    for (let r = 0; r <= rows; r++) context.fillRect(0, Math.min(edge(r), canvas.height - 1), canvas.width, 1);
  }
  const box = (pixel, colour) =>
    outline(context, edge(pixel % columns), edge(Math.floor(pixel / columns)), side, colour, scale);
  if (model.get("mark") >= 0) box(model.get("mark"), MARK);
  if (cursor !== null) box(cursor, CURSOR);
  flags.forEach((flag, pixel) => {
    if (flag && model.get("corners")) corner(context, edge(pixel % columns), edge(Math.floor(pixel / columns)), 0.4 * side * scale, scale);
  });
}

function makeEditable({ model, canvas, live, state, draw }) {
  const [rows, columns] = [model.get("rows"), model.get("columns")];
  const say = () => {
    const [row, column] = [Math.floor(state.cursor / columns), state.cursor % columns];
    const drawn = bytes(model.get("frame"))[4 * state.cursor + 3] > 0;
    const [flagged, known, unknown] = model.get("kinds");
    const kind = bytes(model.get("flags"))[state.cursor] ? flagged : drawn ? known : unknown;
    live.textContent = `row ${row}, column ${column}, ${kind}`;
  };
  const at = (event) => {
    const area = canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - area.left) / area.width) * columns);
    const row = Math.floor(((event.clientY - area.top) / area.height) * rows);
    return column >= 0 && column < columns && row >= 0 && row < rows ? row * columns + column : null;
  };
  const edit = (pixel, action) => model.send({ pixel, action });
  let last = null; // the pixel that the pointer painted last, null when it is up
  canvas.addEventListener("pointerdown", (event) => {
    const pixel = at(event);
    if (event.button !== 0 || pixel === null) return;
    canvas.setPointerCapture(event.pointerId);
    [state.cursor, state.erasing, last] = [pixel, event.shiftKey, pixel];
    edit(pixel, event.shiftKey ? "erase" : "flip");
    draw();
  });
  canvas.addEventListener("pointermove", (event) => {
    const pixel = at(event);
    if (pixel !== null) canvas.title = `row ${Math.floor(pixel / columns)}, column ${pixel % columns}`;
    if (last === null || pixel === null || pixel === last) return;
    state.cursor = last = pixel;
    edit(pixel, state.erasing ? "erase" : "same");
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (last = null));
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [row, column] = [Math.floor(state.cursor / columns), state.cursor % columns];
    const moves = {
      ArrowRight: [row, Math.min(column + 1, columns - 1)],
      ArrowLeft: [row, Math.max(column - 1, 0)],
      ArrowDown: [Math.min(row + 1, rows - 1), column],
      ArrowUp: [Math.max(row - 1, 0), column],
      Home: [row, 0],
      End: [row, columns - 1],
    };
    if (moves[event.key]) state.cursor = moves[event.key][0] * columns + moves[event.key][1];
    else if (event.key === "Enter" || event.key === " ") edit(state.cursor, "flip");
    else if (event.key === "Delete" || event.key === "Backspace") edit(state.cursor, "erase");
    else return;
    event.preventDefault();
    event.stopPropagation();
    say();
    draw();
  });
  canvas.addEventListener("focus", draw);
  canvas.addEventListener("blur", draw);
  model.on("change:edited", say);
  return () => model.off("change:edited", say);
}

function render({ model, el }) {
  const canvas = document.createElement("canvas");
  canvas.className = "armodels-grid";
  const live = document.createElement("span");
  live.className = "armodels-live";
  live.setAttribute("aria-live", "polite");
  const state = { cursor: 0, erasing: false };
  let waiting = false;
  const draw = () => {
    if (waiting) return;
    waiting = true; // several changes, one picture
    requestAnimationFrame(() => {
      waiting = false;
      const focused = model.get("editable") && document.activeElement === canvas;
      paintCanvas(canvas, model, focused ? state.cursor : null);
      const help = model.get("editable")
        ? ". Arrow keys move a cursor, enter or space changes its pixel, delete undoes that."
        : "";
      canvas.setAttribute("aria-label", model.get("label") + help);
      canvas.dataset.edited = model.get("edited");
    });
  };
  let stopEditing = () => {};
  if (model.get("editable")) {
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-roledescription", "picture to paint on");
    canvas.setAttribute("data-lm-suppress-shortcuts", "true");
    canvas.classList.add("armodels-editable");
    stopEditing = makeEditable({ model, canvas, live, state, draw });
  } else {
    canvas.setAttribute("role", "img");
  }
  el.append(canvas, live);
  model.on("change", draw);
  draw();
  return () => {
    model.off("change", draw);
    stopEditing();
  };
}

export default { render };
