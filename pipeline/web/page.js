// The page of `phon serve`. What the server tells becomes text nodes, never markup.
const at = (id) => document.getElementById(id);
const LEVELS = [0.5, 1, 2, 3.5, 5, 7]; // bits at which the next colour begins
const PAIRS = { label: "Source", hint: "What to write a target for.", placeholder: "" };

let model = null; // what /api/model told
let running = null; // the AbortController of what is being written
let wanted = 0; // samples asked for
let cards = new Map(); // index -> what is on the page of a sample
let prompt = "";
let playing = null; // {audio, button}

// Characters that steer, or that turn the direction of writing, are shown as what they are: not text.
const printable = (text) => text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu, (c) => (c === "\n" ? c : "\ufffd"));

function make(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = printable(text);
  return made;
}

const plural = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`;

function say(text) { at("status").textContent = printable(text); }

function complain(trouble) {
  const hint = trouble.hint ? ` (${trouble.hint})` : "";
  at("error").textContent = printable(`${trouble.error}${hint}`);
}

async function introduce() {
  const answer = await fetch("/api/model");
  const told = await answer.json();
  if (!answer.ok) return complain(told);
  model = told;
  const size = told.parameters >= 1e6 ? `${(told.parameters / 1e6).toFixed(1)} M` : told.parameters.toLocaleString("en");
  const of = told.checkpoint ? `${told.run}, ${told.checkpoint}` : told.run;
  at("about").textContent = printable(`${of} · ${told.notation.name} · ${size} parameters`);
  for (const type of told.types) {
    const option = make("option", "", type);
    option.value = type;
    at("type").append(option);
  }
  at("type").closest(".field").hidden = told.types.length === 0;
  at("report").hidden = !told.report;
  at("verse").hidden = !told.verse;
  at("meter").closest(".field").hidden = at("meter-hint").hidden = !told.stress;
  if (told.pairs) {
    at("prompt-label").textContent = PAIRS.label;
    at("prompt-hint").textContent = PAIRS.hint;
    at("prompt").placeholder = PAIRS.placeholder;
  }
}

function read() {
  const number = (id) => (at(id).value === "" ? null : Number(at(id).value));
  const words = at("syllables").value.split(",").map((part) => part.trim()).filter(Boolean);
  const asked = {
    [model?.pairs ? "source" : "prompt"]: at("prompt").value,
    type: at("type").value,
    n: number("n"),
    temperature: number("temperature"),
    max_new_tokens: number("max_new_tokens"),
    top_p: number("top_p"),
    seed: number("seed"),
    valid: at("valid").checked ? null : false,
  };
  if (!model?.verse) return asked;
  return {
    ...asked,
    rhyme_with: at("rhyme_with").value,
    meter: at("meter").value,
    syllables: words.map(Number),
    lines: number("lines"),
    words_only: at("words_only").checked,
    avoid: at("avoid").value.split(/\s+/).filter(Boolean),
  };
}

const level = (bits) => LEVELS.filter((from) => bits >= from).length;

// What stands for a symbol.
function coloured(text, bits, name) {
  const made = make("span", `s${level(bits)}${name}`, text);
  made.title = `${bits.toFixed(1)} bits`;
  return made;
}

function card(index) {
  if (cards.has(index)) return cards.get(index);
  const item = make("li");
  const box = make("article", "sample writing");
  const facts = make("p", "facts");
  const phones = make("p", "phones");
  const top = make("div", "top");
  phones.lang = "zxx"; // no language: sounds
  box.setAttribute("aria-label", `Sample ${index + 1}`);
  facts.append(make("span", "mark", `${index + 1} · writing`));
  phones.append(make("span", "given", prompt));
  top.append(facts);
  box.append(top, phones);
  item.append(box);
  const after = [...cards.keys()].filter((other) => other > index).sort((a, b) => a - b)[0];
  at("samples").insertBefore(item, after === undefined ? null : cards.get(after).item);
  const made = { item, box, top, facts, phones };
  cards.set(index, made);
  return made;
}

// A finished sample: its pieces, parted where its lines begin and where something is wrong.
function settle(sample) {
  const { box, top, facts, phones } = card(sample.index);
  box.className = `sample ${sample.valid ? "good" : "bad"}`;
  facts.replaceChildren(make("span", "mark", sample.valid ? "✓ valid" : "✗ not valid"));
  facts.append(make("span", "", `${sample.index + 1}${sample.type ? ` · ${sample.type}` : ""}`));
  const bits = sample.tokens.reduce((sum, piece) => sum + piece.bits, 0);
  const mean = sample.tokens.length ? ` · ${(bits / sample.tokens.length).toFixed(1)} bits each` : "";
  facts.append(make("span", "", `${plural(sample.n_tokens, "token")}${mean}`));
  top.append(voice(sample));

  const letters = [...sample.text]; // the server counts characters, JavaScript counts halves of some
  const starts = new Set();
  let place = 0;
  for (const line of sample.lines.slice(1)) {
    place = sample.text.indexOf(line, place + 1);
    starts.add([...sample.text.slice(0, place)].length);
  }
  const wrong = (spot) => sample.problems.some((one) => one.start <= spot && spot < Math.max(one.end, one.start + 1));
  const given = [...prompt].length;
  phones.replaceChildren();
  for (const { start, end, bits } of sample.symbols) {
    const text = letters.slice(start, end).join("");
    const name = (wrong(start) ? " wrong" : "") + (start < given ? " given" : "");
    if (starts.has(start)) phones.append("\n");
    if (text !== " ") phones.append(coloured(text, bits, name));
    else if (!starts.has(end)) phones.append(text); // words stay apart
  }
  if (sample.english !== null) {
    const english = make("p", "english", sample.english);
    english.lang = "en";
    box.append(english);
  }
  if (sample.problems.length) {
    const why = make("ul", "why");
    for (const one of sample.problems.slice(0, 5)) {
      why.append(make("li", "", `character ${one.start + 1}: ${one.reason}`));
    }
    if (sample.problems.length > 5) why.append(make("li", "", `and ${sample.problems.length - 5} more`));
    box.append(why);
  }
}

function voice(sample) {
  const button = make("button", "", model?.speech ? "Play" : "No voice here");
  button.type = "button";
  button.setAttribute("aria-label", `${button.textContent}: sample ${sample.index + 1}`);
  if (!model?.speech) {
    button.setAttribute("aria-disabled", "true");
    button.title = model?.silence ?? "";
    button.addEventListener("click", () => complain({ error: model?.silence ?? "" }));
  } else {
    button.addEventListener("click", () => play(sample, button));
  }
  return button;
}

function hush() {
  if (!playing) return;
  const { audio, button, address } = playing;
  playing = null;
  audio.pause();
  URL.revokeObjectURL(address);
  button.textContent = "Play";
  button.setAttribute("aria-pressed", "false");
}

async function play(sample, button) {
  const again = playing?.button === button;
  hush();
  if (again) return;
  at("error").textContent = "";
  button.textContent = "…";
  try {
    const answer = await fetch("/api/say", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ text: sample.lines.join("\n"), as: sample.english === null ? "english" : "sample" }),
    });
    if (!answer.ok) throw await answer.json();
    hush(); // another may have begun meanwhile
    const address = URL.createObjectURL(await answer.blob());
    const audio = new Audio(address);
    playing = { audio, button, address };
    audio.addEventListener("ended", hush);
    audio.addEventListener("error", hush);
    button.textContent = "Pause";
    button.setAttribute("aria-pressed", "true");
    await audio.play();
  } catch (trouble) {
    hush();
    button.textContent = "Play";
    complain(trouble.error ? trouble : { error: `it cannot be played: ${trouble.message}` });
  }
}

function hear(event) {
  switch (event.event) {
    case "queued":
      return say(`Waiting: ${plural(event.ahead, "request")} before this one.`);
    case "start":
      prompt = event.prompt;
      return say("Writing …");
    case "tokens":
      return card(event.index).phones.append(printable(event.text));
    case "sample":
      settle(event);
      return say(`Sample ${event.index + 1} of ${wanted} is ${event.valid ? "valid" : "not valid"}.`);
    case "done":
      at("command").textContent = printable(event.command);
      at("again").hidden = !event.command;
      return say(`Done: ${event.valid} of ${wanted} valid, ${plural(event.n_tokens, "token")} in ${event.seconds.toFixed(1)} s.`);
    case "error":
      say("");
      return complain(event);
  }
}

async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    yield* parts.filter(Boolean);
  }
}

async function write() {
  running?.abort();
  const mine = (running = new AbortController());
  hush();
  cards = new Map();
  prompt = "";
  const asked = read();
  wanted = asked.n;
  at("samples").replaceChildren();
  at("samples").setAttribute("aria-busy", "true");
  at("error").textContent = "";
  at("empty").hidden = true;
  at("again").hidden = true;
  at("stop").disabled = false;
  say("Waiting for the model …");
  let ended = false;
  try {
    const answer = await fetch("/api/samples/stream", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(asked),
      signal: mine.signal,
    });
    if (!answer.ok) {
      const wait = answer.headers.get("retry-after");
      const trouble = await answer.json();
      throw wait ? { ...trouble, hint: `try again in ${plural(Number(wait), "second")}` } : trouble;
    }
    for await (const line of lines(answer.body)) {
      const event = JSON.parse(line);
      if (mine !== running) return;
      hear(event);
      ended = event.event === "done" || event.event === "error";
    }
    if (!ended) throw { error: "the server ended before the samples did", hint: "is it still running?" };
  } catch (trouble) {
    if (mine !== running) return;
    if (mine.signal.aborted) say("Stopped.");
    else {
      say("");
      complain(trouble.error ? trouble : { error: "the server does not answer", hint: "is it still running?" });
    }
  } finally {
    if (mine === running) {
      running = null;
      at("stop").disabled = true;
      at("samples").removeAttribute("aria-busy");
      for (const [index, { item, box }] of cards) {
        if (!box.classList.contains("writing")) continue;
        cards.delete(index);
        item.remove(); // what was broken off is no sample
      }
      at("empty").hidden = cards.size > 0;
    }
  }
}

at("wish").addEventListener("submit", (event) => {
  event.preventDefault();
  write();
});
at("stop").addEventListener("click", () => {
  running?.abort();
  at("write").focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("wish").requestSubmit();
  if (event.key === "Escape") running ? running.abort() : hush();
});
at("temperature").addEventListener("input", () => { at("heat").textContent = at("temperature").value; });
at("colour").addEventListener("change", () => {
  at("samples").classList.toggle("coloured", at("colour").checked);
  at("legend").hidden = !at("colour").checked;
});
introduce().catch(() => complain({ error: "the server does not answer", hint: "is it still running?" }));
