// The open conversation: frames as high as their mail, headers that close, the place in the list.
const $ = (s, r = document) => r.querySelector(s), $$ = (s, r = document) => [...r.querySelectorAll(s)]

/* the frame runs no script; its height is read from outside */
function fit(frame) {
  const body = frame.contentDocument?.body
  if (body) frame.style.height = Math.max(40, Math.ceil(body.scrollHeight)) + "px"
}
function watch(frame, keys) {
  frame.dataset.on = ""
  const begin = () => {
    const page = frame.contentDocument
    if (!page?.body || page.URL === "about:blank") return
    fit(frame)
    new ResizeObserver(() => fit(frame)).observe(page.body)
    page.addEventListener("keydown", keys)
  }
  frame.addEventListener("load", begin)
  begin()
}

/** What follows when the reader shows something else: `keys` hears the keyboard in frames too. */
export function shown(keys) {
  $$("iframe:not([data-on])").forEach(frame => watch(frame, keys))
  const id = $(".thread")?.dataset.id, row = id && document.getElementById("t" + id)
  $$(".row.open").forEach(r => r.classList.remove("open"))
  row?.classList.add("open")
  const at = $("#pos")
  if (at) at.textContent = row && at.dataset.total ? `${$$("#rows .row:not([hidden])").indexOf(row) + 1} of ${at.dataset.total}` : ""
}

/** The frames follow the theme of the page. */
export const dress = theme => $$("iframe").forEach(f => { if (f.contentDocument) f.contentDocument.documentElement.dataset.theme = theme })

document.addEventListener("click", e => {
  if (e.target.closest(".hd") && !e.target.closest("a,button,summary,table")) e.target.closest(".msg").open = false
  const menu = $(".me[open]")
  if (menu && !menu.contains(e.target)) menu.open = false
})
