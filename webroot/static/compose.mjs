// Messages being written: Cc and Bcc on demand, Ctrl+Enter, nothing lost by a slip.
const $ = (s, r = document) => r.querySelector(s), $$ = (s, r = document) => [...r.querySelectorAll(s)]
const dock = $("#dock")
const fieldsOf = form => $$("input:not([type=hidden]),textarea", form)
const written = form => fieldsOf(form).some(f => f.value !== f.defaultValue)

/** Close a message; one that has been written in can be had back. */
export function shut(form, toast) {
  form.remove()
  const saved = $("[name=rev]", form).value > 0
  if (written(form)) toast(saved ? "Kept in Drafts" : "Message discarded", () => { dock.append(form); $(".ed", form).focus() })
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
