// Live lists. One EventSource per browser, whatever the number of tabs: the tab that was shown last holds a Web Lock
// and the stream, and repeats events to its siblings. Events carry no mail, only a folder and the mailbox's sequence
// number; each tab pulls the difference, so neither a lost event nor a reconnect can lose mail.
const $ = (s, r = document) => r.querySelector(s)
const tell = (type, detail) => document.dispatchEvent(new CustomEvent("mail:" + type, { detail }))

/* the stream */
const bus = new BroadcastChannel("mail")
bus.onmessage = e => tell(e.data.type, e.data.detail)
const LOCK = "mail-stream"
let stream, queued
function open() {
  stream = new EventSource("/events")
  const share = (type, detail) => { tell(type, detail); bus.postMessage({ type, detail }) }
  for (const type of ["changed", "toast", "bye"]) stream.addEventListener(type, e => share(type, JSON.parse(e.data)))
  stream.onerror = e => { if (e.target.readyState === EventSource.CLOSED && e.target === stream) setTimeout(again, 5000) }
}
function again() { if (stream) { close(); open() } }
function close() { stream?.close(); stream = undefined }
const hold = () => { open(); return new Promise(() => {}) }                  // until it is stolen
const lost = () => { if (stream) { close(); wait() } }
function wait() {                                                            // take over when the leading tab is closed
  queued = new AbortController()
  navigator.locks.request(LOCK, { signal: queued.signal }, hold).catch(lost)
}
function lead() {
  if (stream) return
  queued?.abort()
  navigator.locks.request(LOCK, { steal: true }, hold).catch(lost)
}
const visible = () => document.visibilityState === "visible"
if (!navigator.locks) open()                                                 // plain http: one stream per tab
else {
  visible() ? lead() : wait()
  document.addEventListener("visibilitychange", () => visible() && lead())
}
addEventListener("pagehide", close)
addEventListener("pageshow", e => { if (e.persisted) navigator.locks ? lead() : open() })

/* the difference: one request at a time */
let pulling, more
document.addEventListener("mail:changed", e => {
  const known = Number($("#seq")?.value ?? Infinity)
  if (!e.detail.seq || e.detail.seq > known) pull()
})
async function pull() {
  const mark = $("#seq")
  if (!mark) return
  if (pulling) return void (more = true)
  pulling = true
  const thread = $(".thread"), messages = thread ? [...thread.querySelectorAll(".msg")].map(m => m.dataset.id) : []
  const query = new URLSearchParams({ seq: mark.value, day: mark.dataset.day })
  if (thread && messages.length <= 300) { query.set("t", thread.dataset.id); query.set("m", messages.join()) }
  await htmx.ajax("GET", `/mail/${document.body.dataset.folder}/since?${query}`, { source: "#said", target: "#toasts", swap: "beforeend" })
  pulling = false
  if (more) { more = false; pull() }
}
document.addEventListener("mail:bye", () => { close(); location.assign("/login") })

/* a row comes to its place: above the first older one; what is older than all loaded rows waits to be scrolled to */
const after = (a, b) => +a.dataset.at - +b.dataset.at || (a.id > b.id ? 1 : -1)
const dayOf = row => { let e = row; while (e && !e.classList.contains("day")) e = e.previousElementSibling; return e }
function take(row) {
  const day = dayOf(row), alone = !row.nextElementSibling?.matches(".row") && row.previousElementSibling === day
  row.remove()
  if (alone) day?.remove()
}
let news = 0
function place(list, fragment) {
  const [heading, row] = fragment.children, old = list.querySelector("#" + row.id)
  const rows = [...list.querySelectorAll(".row")].filter(r => r !== old), next = rows.find(r => after(row, r) > 0)
  if (old) {
    row.querySelector(".cb").checked = old.querySelector(".cb").checked
    row.classList.toggle("open", old.classList.contains("open"))
    row.hidden = old.hidden
  }
  const focused = old?.contains(document.activeElement)
  if (old) take(old)
  const above = list.hasAttribute("data-paged") && next === rows[0], below = !next && list.querySelector(".more")
  if (above || below) return []
  const day = next?.previousElementSibling
  const before = next && day?.matches(".day") && day.dataset.day !== heading.dataset.day ? day : next
  const known = [...list.querySelectorAll(".day")].some(d => d.dataset.day === heading.dataset.day)
  const added = known ? [row] : [heading, row]
  before ? before.before(...added) : list.append(...added)
  if (focused) row.querySelector("a").focus({ preventScroll: true })
  if (!old && next === rows[0]) { row.classList.add("fresh"); arrived(list) }
  return added
}
let saidAt = 0
function arrived(list) {
  news++
  if (list.scrollTop > 60) { $("#pill").textContent = `${news} new`; $("#pill").hidden = false }
  if (Date.now() - saidAt > 10_000) { saidAt = Date.now(); $("#said").textContent = "New mail" }
}
document.addEventListener("click", e => { if (e.target.id === "pill") $("#rows").scrollTo({ top: 0 }) })
document.addEventListener("scroll", e => { if (e.target.id === "rows" && e.target.scrollTop < 60) { news = 0; $("#pill").hidden = true } }, true)
htmx.registerExtension("mail-rows", {
  handle_swap: (style, target, fragment) => {
    if (style === "place") return place(target, fragment)
    if (style === "gone") { if (target.matches(".row")) take(target); return [] }
  },
})
