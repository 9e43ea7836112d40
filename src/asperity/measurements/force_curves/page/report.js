// The page's own behavior: hover texts, picking a curve, the curve panel. It computes no result.
"use strict";
window.asperityReport = (() => {
  const page = JSON.parse(document.getElementById("page").textContent);
  const NOTHING = -32768, HALF = 32000;
  const model = (name) => Bokeh.documents[0].get_model_by_name(name);
  // the place of curve i in the columns: i itself, or of very many curves where it is embedded, else undefined
  let places;
  const place = (i) => {
    const numbers = model("curves").data.number;
    if (numbers === undefined) return i;
    places ??= new Map(Array.from(numbers, (curve, k) => [curve, k]));
    return places.get(i);
  };
  const value = (name, i) => model("curves").data[name][place(i)];
  const ELSEWHERE = "see the results file";

  const label = (i) => {
    const row = value("row", i), where = row >= 0 ? ` (row ${row}, column ${value("column", i)})` : "";
    return page.files.length > 1 && place(i) !== undefined
      ? `${i}${where}; number ${value("curve_in_file", i)} in ${page.files[value("file", i)]}`
      : `${i}${where}`;
  };
  const outcome = (i) => page.outcomes[value("flag", i)];

  // the text of one line of the hover box; i is the curve under the pointer
  const hover = (i, what) => {
    if (i < 0) return what === "label" ? "none recorded here" : "–";
    if (what === "label") return label(i);
    if (place(i) === undefined) return ELSEWHERE;
    return what === "outcome" ? outcome(i) : value(what, i);
  };

  // a click at (event.x, event.y) on the image in the rectangle x, y, dw, dh
  const pick = (event, source, x, y, dw, dh) => {
    const [rows, columns] = source.data.curve[0].shape;
    const u = Math.floor((event.x - x) / dw * columns), v = Math.floor((event.y - y) / dh * rows);
    if (u < 0 || v < 0 || u >= columns || v >= rows) return;
    const i = source.data.curve[0][v * columns + u];
    if (i >= 0) show(i);
  };

  // the embedded samples of curve i as numbers in SI, NaN where there is none
  const samples = (i) => {
    const store = model("curve-store"), [points] = store.tags, slot = value("slot", i) ?? -1;
    const scales = model("curve-scales").data;
    const decode = (name, scale) => {
      const low = scales[`${scale}_low`][slot], step = scales[`${scale}_step`][slot];
      const { buffer, byteOffset } = store.data[name];  // Bokeh's own array type cannot be sliced by subarray
      return Array.from(new Int16Array(buffer, byteOffset + 2 * slot * points, points), (code) =>
        code === NOTHING ? NaN : low + (code + HALF) * step);
    };
    return slot < 0 ? null : { position: decode("position", "position"), force: decode("force", "force"),
                               fit: decode("fit", "force") };
  };

  const ends = (array) => {
    const found = array.filter(Number.isFinite);
    return found.length ? [Math.min(...found), Math.max(...found)] : [0, 1e-9];
  };
  // [factor, letter]: the engineering prefix in which the extent is a number from 1 to 1000
  const prefix = (extent) => {
    const power = Math.min(0, Math.max(-12, 3 * Math.floor(Math.log10(extent || 1e-9) / 3)));
    return [10 ** power, { 0: "", "-3": "m", "-6": "µ", "-9": "n", "-12": "p" }[power]];
  };
  const setRange = (range, low, high) => {
    const margin = 0.04 * (high - low || Math.abs(high) || 1);
    const [start, end] = [low - margin, high + margin];
    range.setv({ start, end, reset_start: start, reset_end: end });
  };

  const draw = (i) => {
    const data = samples(i), contact = value("contact_point", i);
    const top = model("panel-top"), low = model("panel-low");
    if (data === null) { model("panel").data = { position: [], force: [], fit: [], residual: [] }; return; }
    const origin = Number.isFinite(contact) ? contact : 0;
    const [from, to] = ends(data.position), [least, most] = ends(data.force);
    const [fx, lx] = prefix(to - from), [fy, ly] = prefix(most - least);
    const scaled = {
      position: data.position.map((v) => (v - origin) / fx), force: data.force.map((v) => v / fy),
      fit: data.fit.map((v) => v / fy), residual: data.force.map((v, j) => v - data.fit[j]),
    };
    const noise = value("noise_std", i), [rl, rh] = ends(scaled.residual), reach = Math.max(-rl, rh, noise || 0);
    const [fr, lr] = prefix(reach);
    scaled.residual = scaled.residual.map((v) => v / fr);
    setRange(top.x_range, (from - origin) / fx, (to - origin) / fx);
    const reached = ends(data.fit)[1], room = 0.2 * (most - least);  // the fit's peak too, unless it is far off
    setRange(top.y_range, least / fy, (reached > most && reached < most + room ? reached : most) / fy);
    setRange(low.y_range, -reach / fr, reach / fr);
    model("panel").data = scaled;
    top.left[0].axis_label = `force (${ly}N)`;
    low.left[0].axis_label = `residual (${lr}N)`;
    low.below[0].axis_label = origin ? `tip position from the contact point (${lx}m)` : `tip position (${lx}m)`;
    const edges = [value("window_start", i), value("window_stop", i)].map((v) => (v - origin) / fx);
    low.title.text = scaled.residual.some(Number.isFinite) ? "" : "no fit, no residual";
    model("window").setv({ left: Math.min(...edges), right: Math.max(...edges), visible: edges.every(Number.isFinite) });
    model("noise").setv({ bottom: -noise / fr, top: noise / fr, visible: Number.isFinite(noise) });
    for (const name of ["contact-window", "contact-noise"])
      model(name).setv({ location: 0, visible: Number.isFinite(contact) });
  };

  const line = (term, text) => {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = term; dd.textContent = text;
    return [dt, dd];
  };
  const write = (i) => {
    const box = document.getElementById("curve-words"), note = "This curve is not embedded in the report; see the results file.";
    const here = place(i) !== undefined, ratio = value("reduced_chi_square", i), meaning = page.meanings[value("flag", i)];
    box.replaceChildren(
      ...line("curve", label(i)),
      ...(here ? page.properties.flatMap(([name, words]) => line(words, value(name, i))) : []),
      ...(Number.isFinite(ratio) ? line("reduced chi-square", ratio.toPrecision(3)) : []),
      ...(here ? line("outcome", meaning ? `${outcome(i)}. ${meaning}` : outcome(i)) : []),
      ...((value("slot", i) ?? -1) < 0 ? line("note", note) : []));
    document.getElementById("curve-number").value = i;
  };

  const mark = (i) => {
    for (let k = 0; ; k++) {
      const marker = model(`map-marker-${k}`);
      if (!marker) break;
      const here = value("map", i) === k;
      marker.data = here ? { x: [value("map_x", i)], y: [value("map_y", i)] } : { x: [], y: [] };
    }
    const sequence = model("sequence-marker");
    if (sequence) sequence.data = { x: [i] };
  };

  let current = -1;
  function show(i) {
    if (!model("panel") || !(i >= 0 && i < page.curves)) return;
    current = i;
    draw(i); write(i); mark(i);
  }

  // what Bokeh would otherwise keep as code in the document, which only runs where the page allows eval
  const listen = () => {
    const listeners = Bokeh.documents[0].event_manager.subscribed_models;
    for (const found of Bokeh.documents[0].all_models) {
      if (found.type === "CustomJSHover") found.format = hover;
      if (found.tags[0] !== "pick") continue;
      const [, source, frame] = found.tags;
      if (source === undefined) {
        const { indices } = found.selected.properties;
        indices.change.connect(() => found.selected.indices.length && show(found.data.curve[found.selected.indices[0]]));
        continue;
      }
      const { x, y, dw, dh } = frame instanceof Map ? Object.fromEntries(frame) : frame;
      // the second of two quick clicks is a double tap to Bokeh
      for (const tap of ["tap", "doubletap"]) found.on_event(tap, (event) => pick(event, source, x, y, dw, dh));
      listeners.add(found);
    }
  };
  const wire = () => {
    listen();
    if (!model("panel")) return;
    document.querySelectorAll("[data-curve]").forEach((button) => button.addEventListener("click", () => {
      show(Number(button.dataset.curve));
      document.getElementById("curve-panel").scrollIntoView({ block: "nearest", behavior: "smooth" });
    }));
    document.getElementById("curve-number").addEventListener("change", (event) => show(Number(event.target.value)));
    document.querySelectorAll("[data-step]").forEach((button) =>
      button.addEventListener("click", () => show(current + Number(button.dataset.step))));
    show(page.first);
    document.documentElement.dataset.ready = "yes";
  };
  const start = () => (window.Bokeh && Bokeh.documents.length ? wire() : setTimeout(start, 30));
  document.addEventListener("DOMContentLoaded", start);
  return { show, samples };
})();
