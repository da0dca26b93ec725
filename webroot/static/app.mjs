// The mail page: what is done to conversations, selection, toasts, keys.
import "./live.mjs"
import { shown, dress } from "./reader.mjs"
const $ = (s, r = document) => r.querySelector(s), $$ = (s, r = document) => [...r.querySelectorAll(s)]
const folder = () => document.body.dataset.folder
document.cookie = `tz=${encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone ?? "")};path=/;max-age=31536000;samesite=lax`

/* toasts: one at a time, eight seconds, held by the pointer or the focus */
let undo
function show(toast, stays) {
  let timer
  const go = () => { toast.remove(); if (undo?.of === toast) undo = undefined }
  const start = () => { if (!stays) timer = setTimeout(go, 8000) }, hold = () => clearTimeout(timer)
  toast.addEventListener("pointerenter", hold); toast.addEventListener("focusin", hold)
  toast.addEventListener("pointerleave", start); toast.addEventListener("focusout", start)
  start()
  return go
}
function toast(text, back, failed) {
  const t = document.createElement("div")
  t.className = "toast"
  if (failed) t.setAttribute("role", "alert")
  t.append(Object.assign(document.createElement("span"), { textContent: text }))
  if (back) {
    const button = Object.assign(document.createElement("button"), { className: "u", type: "button", textContent: failed ? "Retry" : "Undo" })
    t.append(button)
    button.onclick = () => { go(); back() }
    if (!failed) undo = { of: t, run: button.onclick }
  }
  $("#toasts").replaceChildren(t)
  const go = show(t, failed)
}
document.addEventListener("mail:toast", e => toast(e.detail.text))

/* acts: optimistic; what moved can be undone; what failed comes back */
let before = Promise.resolve()
function post(verb, ids, from) {                       // one after the other: what is undone must have been done
  const done = before.then(() => send(verb, ids, from))
  before = done.catch(() => {})
  return done
}
async function send(verb, ids, from) {
  const answer = await fetch("/mail/act", {
    method: "POST",
    signal: AbortSignal.timeout(20_000),
    headers: { "HX-Request": "true" },
    body: new URLSearchParams([["do", verb], ["folder", from], ...ids.map(id => ["id", id])]),
  })
  if (answer.status === 401) location.assign("/login")
  if (!answer.ok) throw new Error(answer.status)
}
const MOVED = { archive: "archived", trash: "moved to Trash", inbox: "moved to Inbox" }
const FAILED = { archive: "archive", trash: "delete", inbox: "move", read: "mark as read", unread: "mark as unread", star: "star", unstar: "remove the star" }
const BACK = { inbox: "inbox", archive: "archive", spam: "spam", trash: "trash" }    // whereto a move can be undone
const rowOf = id => document.getElementById("t" + id)
const rowsOf = ids => ids.map(rowOf).filter(Boolean)
const focusRow = () => document.activeElement?.closest?.(".row")
const openId = () => $(".thread")?.dataset.id
const targets = () => {
  const chosen = $$("#rows .cb:checked").map(c => c.value)
  if (chosen.length) return chosen
  const row = focusRow()
  return row ? [row.id.slice(1)] : [openId()].filter(Boolean)
}
async function act(verb, ids = targets()) {
  if (!ids.length) return
  const from = folder(), rows = rowsOf(ids)
  clear()
  if (verb in MOVED) return move(verb, ids, from, rows)
  if (verb === "star" || verb === "unstar") rows.forEach(r => $(".star", r).ariaPressed = String(verb === "star"))
  else rows.forEach(r => r.classList.toggle("unread", verb === "unread"))
  if (verb === "unread" && ids.includes(openId())) leave()
  try { await post(verb, ids, from) } catch { toast(`Could not ${FAILED[verb]}. The server did not answer.`, () => act(verb, ids), true); tellChanged() }
}
async function move(verb, ids, from, rows) {
  const next = beyond(rows.at(-1), "nextElementSibling", ids) ?? beyond(rows[0], "previousElementSibling", ids)
  rows.forEach(r => r.hidden = true)
  if (ids.includes(openId())) next && wide() ? $("a", next).click() : leave()
  else if (next) $("a", next).focus()
  const many = ids.length > 1 ? `${ids.length} conversations` : "Conversation"
  toast(`${many} ${MOVED[verb]}`, BACK[from] && (async () => {
    rows.forEach(r => r.hidden = false)
    try { await post(BACK[from], ids, verb) } catch { toast("Could not undo. The server did not answer.", undefined, true) }
  }))
  try { await post(verb, ids, from) }
  catch { rows.forEach(r => r.hidden = false); toast(`Could not ${FAILED[verb]}. The server did not answer.`, () => act(verb, ids), true) }
}
const tellChanged = () => document.dispatchEvent(new CustomEvent("mail:changed", { detail: { folder: "", seq: 0 } }))
const wide = () => matchMedia("(min-width: 800px)").matches
const beyond = (row, way, ids = []) => {
  for (row = row?.[way]; row; row = row[way]) if (row.matches(".row:not([hidden])") && !ids.includes(row.id.slice(1))) return row
}
function leave() {
  htmx.ajax("GET", `/mail/${folder()}`, { target: "#reader", swap: "outerHTML", push: "true" })
}

/* an open conversation has been read, but only when somebody can see it */
function read() {
  const unseen = $$(".msg[data-unseen]")
  if (!unseen.length || document.visibilityState !== "visible") return
  unseen.forEach(m => delete m.dataset.unseen)
  rowOf(openId())?.classList.remove("unread")
  post("read", [openId()], folder()).catch(() => unseen.forEach(m => m.dataset.unseen = ""))
}
document.addEventListener("visibilitychange", read)

/* selection, with shift-ranges */
let last
function selected() {
  const n = $$("#rows .cb:checked").length
  $(".list").classList.toggle("selecting", n > 0)
  $("#nsel").textContent = n
}
function clear() { $$("#rows .cb:checked").forEach(c => c.checked = false); selected() }
function choose(box, shift) {
  const all = $$("#rows .cb")
  if (shift && last?.isConnected) {
    const [a, b] = [all.indexOf(last), all.indexOf(box)].sort((x, y) => x - y)
    all.slice(a, b + 1).forEach(c => c.checked = box.checked)
  }
  last = box
  selected()
}

/* the pointer */
const hov = $("#hovt").content.firstElementChild
document.addEventListener("pointerover", e => { const r = e.target.closest?.("#rows .row"); if (r && hov.parentNode !== r) r.append(hov) })
document.addEventListener("click", e => {
  const on = s => e.target.closest(s)
  const box = on("#rows .cb"), doing = on("[data-do]"), star = on("[data-star]"), go = on("[data-go]"), shutting = on("[data-close]")
  if (box) choose(box, e.shiftKey)
  if (doing) {
    e.preventDefault()
    const row = doing.closest(".row"), bar = doing.closest("#acts")
    act(doing.dataset.do, row ? [row.id.slice(1)] : bar ? [bar.dataset.id] : undefined)
  }
  if (star) act(star.ariaPressed === "true" ? "unstar" : "star", [star.closest(".row").id.slice(1)])
  if (go) step(go.dataset.go === "next")
  if (shutting) { e.preventDefault(); shut(shutting.closest(".cmp")) }
  if (on("[data-clear]")) clear()
  if (on("[data-dismiss]")) on(".toast").remove()
  if (on("#theme")) theme()
})
document.addEventListener("htmx:before:request", e => { if (e.target.closest?.("[data-compose]") && !room()) e.preventDefault() })
document.addEventListener("htmx:after:swap", after)
document.addEventListener("htmx:error", e => { if (e.target.closest?.("a,form,li")) toast("The server did not answer.", undefined, true) })
let opened = openId()
function after() {
  if ($(".cmp")) composing()
  shown(keys)
  if (openId() !== opened) {
    const closed = opened
    opened = openId()
    const next = opened ? $("#subject") : rowOf(closed) && $("a", rowOf(closed))
    if (!document.activeElement?.closest(".cmp")) next?.focus({ preventScroll: true })
  }
  read()
  $$("#toasts .toast[data-fades]").forEach(t => { delete t.dataset.fades; show(t) })
  selected()
}

/* messages being written */
const composing = () => import("./compose.mjs")
const shut = form => composing().then(m => m.shut(form, toast))
function room() {                                                           // else the last one is shown
  const open = $$(".cmp")
  if (open.length < Math.max(1, Math.min(3, Math.floor(innerWidth / 600)))) return true
  $(".ed", open.at(-1)).focus()
}

/* keys */
function step(down) {
  const row = beyond(rowOf(openId()), down ? "nextElementSibling" : "previousElementSibling")
  if (row) $("a", row).click()
}
function walk(down) {
  const from = focusRow() ?? rowOf(openId()), row = from ? beyond(from, down ? "nextElementSibling" : "previousElementSibling") : $("#rows .row:not([hidden])")
  if (row) $("a", row).focus()
}
const press = s => $(s)?.click(), can = (verb, then) => () => $(`[data-do=${verb}]`) && act(then ?? verb)
const KEYS = {
  j: () => walk(true), k: () => walk(false), n: () => step(true), p: () => step(false),
  o: () => focusRow() && $("a", focusRow()).click(), u: () => $(".thread") && leave(),
  x: () => focusRow() && $(".cb", focusRow()).click(), s: () => rowsOf(targets()).forEach(r => $(".star", r).click()),
  e: can("archive"), "#": can("trash"), I: () => act("read"), U: () => act("unread"), z: () => undo?.run(),
  c: () => press(".side [data-compose]"), r: () => press(".answer .btn"), a: () => press(".answer .btn + .btn"),
  Escape: () => $("#rows .cb:checked") ? clear() : $(".thread") && !wide() && leave(),
}
function keys(e) {
  const writing = e.target.closest?.("input:not(.cb),textarea,select,[contenteditable]")
  if (e.key === "Escape" && e.target.closest?.(".cmp")) return shut(e.target.closest(".cmp"))
  if (writing || e.metaKey || e.ctrlKey || e.altKey || !Object.hasOwn(KEYS, e.key)) return
  if (e.key !== "Escape") e.preventDefault()                                // it closes the drawer too
  KEYS[e.key]()
}
document.addEventListener("keydown", keys)

function theme() {
  const html = document.documentElement
  const dark = html.dataset.theme ? html.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches
  html.dataset.theme = dark ? "light" : "dark"
  document.cookie = `theme=${html.dataset.theme};path=/;max-age=31536000;samesite=lax`
  dress(html.dataset.theme)
}

after()
