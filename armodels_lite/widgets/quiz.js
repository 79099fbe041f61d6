// A question with its answers as radio buttons. Native ones: arrow keys choose, and the group is one stop of the tab key.

let groups = 0;

function element(name, className, parent) {
  const made = document.createElement(name);
  made.className = className;
  parent.append(made);
  return made;
}

// The labels, with radio buttons that share a name, and a line below each for what is said after the check.
function fill(list, answers, name, choose) {
  list.replaceChildren();
  answers.forEach((text, index) => {
    const label = element("label", "armodels-answer", list);
    const radio = element("input", "", label);
    radio.type = "radio";
    radio.name = name;
    radio.addEventListener("change", () => choose(index));
    const words = element("span", "", label);
    words.textContent = `${"ABCDE"[index]}. ${text}`;
    element("span", "armodels-note", label);
  });
}

function render({ model, el }) {
  const root = element("fieldset", "armodels-quiz", el);
  const legend = element("legend", "", root);
  const heading = element("span", "armodels-quiet", legend);
  const question = element("span", "armodels-question", legend);
  const list = element("div", "armodels-answers", root);
  const feedback = element("div", "armodels-title", root);
  feedback.setAttribute("role", "status");
  const name = `armodels-quiz-${++groups}`;
  let built = null;

  const choose = (index) => {
    if (!model.get("locked")) {
      model.set("chosen", index);
      model.save_changes();
    }
    update(); // a checked answer stays
  };
  const update = () => {
    const key = JSON.stringify([model.get("question"), model.get("answers")]);
    if (key !== built) fill(list, model.get("answers"), name, choose);
    built = key;
    heading.textContent = model.get("heading");
    question.textContent = model.get("question");
    feedback.textContent = model.get("feedback");
    [...list.children].forEach((label, index) => {
      const [radio, , note] = label.children;
      radio.checked = index === model.get("chosen");
      radio.setAttribute("aria-disabled", String(model.get("locked")));
      note.textContent = model.get("notes")[index] ?? "";
      note.hidden = !note.textContent;
      label.dataset.right = String(index === model.get("right"));
    });
  };
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    model.send({ action: "check" });
  });
  model.on("change", update);
  update();
  return () => model.off("change", update);
}

export default { render };
