// Messages being written: Cc and Bcc on demand, Ctrl+Enter, nothing lost by a slip.
const $ = (s, r = document) => r.querySelector(s), $$ = (s, r = document) => [...r.querySelectorAll(s)]
const dock = $("#dock")
const fieldsOf = form => $$("input:not([type=hidden]),textarea", form)
const written = form => fieldsOf(form).some(f => f.value !== f.defaultValue)

/** Close a message; what has been written in it is kept in Drafts, and can be had back at once. */
export function shut(form, toast) {
  form.remove()
  if (!written(form)) return
  const back = () => { dock.append(form); $(".ed", form).focus() }
  const kept = keep(form)
  toast("Kept in Drafts", () => kept.then(back, back))
  kept.catch(() => toast("Could not keep the message. The server did not answer.", back, true))
}
async function keep(form) {
  const answer = await fetch("/mail/draft", { method: "POST", headers: { "HX-Request": "true" }, body: new URLSearchParams(new FormData(form)) })
  if (!answer.ok) throw new Error(answer.status)
  const revision = $("[name=rev]", form)
  revision.value = +revision.value + 1
}

dock.addEventListener("click", e => {
  const more = e.target.closest("[data-cc]")
  if (!more) return
  const form = more.closest(".cmp")
  $$(".opt", form).forEach(line => line.classList.remove("opt"))
  more.remove()
  $("[name=cc]", form).focus()
})
dock.addEventListener("keydown", e => {
  if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) { e.preventDefault(); e.target.closest(".cmp").requestSubmit() }
})
addEventListener("beforeunload", e => { if ($$(".cmp", dock).some(written)) e.preventDefault() })
