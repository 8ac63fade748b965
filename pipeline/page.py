"""HTML made in code: text becomes markup by being escaped, so that what a run wrote can never be more than text."""

import base64
import html
from collections.abc import Iterable, Sequence

from pipeline.show import printable

# Nothing is loaded or run, whatever stands in the page; its pictures are part of it.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
STYLE = """
:root { color-scheme: light dark; --text: #1d2530; --soft: #5b6775; --line: #d9dfe6; --ground: #ffffff;
  --raised: #f4f6f9; --trace: #8b99a9; --measured: #1f5fa8; --good: #1d7a46; --bad: #b3261e }
@media (prefers-color-scheme: dark) { :root { --text: #e3e8ee; --soft: #9aa7b5; --line: #333c47; --ground: #14181d;
  --raised: #1d232a; --trace: #7f8c9b; --measured: #74b3f5; --good: #63c58c; --bad: #ff8a80 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 50rem; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
h1 { margin: 0; font-size: 1.6rem }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.15rem }
p { margin: .5rem 0 }
.soft, caption, figcaption, dt, th { color: var(--soft) }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .75rem 1rem; margin: 1.25rem 0 }
dt, caption, figcaption, summary small { font-size: .85rem }
dd { margin: 0; font-size: 1.05rem; font-variant-numeric: tabular-nums }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); gap: 1.25rem }
figure { margin: 0; min-width: 0 }
img { display: block; max-width: 100%; height: auto; background: #ffffff; border-radius: 4px }
.wide { overflow-x: auto }
svg { display: block; width: 100%; height: auto }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif }
svg path { fill: none; stroke-width: 1.5; stroke-linejoin: round }
.grid { stroke: var(--line) }
.trace { stroke: var(--trace) }
.measured { stroke: var(--measured) }
circle.trace { fill: var(--trace) }
circle.measured { fill: var(--measured) }
.key { display: inline-block; width: 1em; margin: 0 .4em .2em .8em; border-top: 3px solid var(--trace) }
.key.measured { border-color: var(--measured) }
table { width: 100%; margin: .75rem 0 1.25rem; border-collapse: collapse; font-size: .9rem;
  font-variant-numeric: tabular-nums }
caption { padding: .25rem 0; text-align: left }
th, td { padding: .25rem .5rem .25rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top;
  font-weight: normal }
table:not(.numbers) { table-layout: fixed }
table:not(.numbers) th { width: 40% }
.numbers { font-size: clamp(.75rem, 3.4vw, .9rem) }
.numbers :is(th, td) { overflow-wrap: normal }
.numbers tbody th { min-width: 4.5rem; overflow-wrap: anywhere }
.numbers :is(th, td):not(:first-child) { padding-right: 0; padding-left: .5rem; text-align: right }
details { margin: .5rem 0 }
summary { cursor: pointer }
h3 { margin: 1rem 0 .25rem; font-size: .95rem }
.sample { margin: .5rem 0; padding: .5rem .75rem; border-left: 3px solid var(--good); background: var(--raised) }
.sample.bad { border-color: var(--bad) }
.sample p { margin: 0; max-height: 12rem; overflow-y: auto; font: .85rem/1.5 ui-monospace, monospace;
  white-space: pre-wrap }
.sample small { color: var(--good) }
.sample.bad small { color: var(--bad) }
"""


class Markup(str):
    """HTML that is ready; every other text is escaped where it is put in."""


def ready(inside: object) -> Markup:
    """Markup as it is; anything else as text, escaped, without characters that steer a terminal or a line."""
    return inside if isinstance(inside, Markup) else Markup(html.escape(printable(str(inside))))


def element(tag: str, *inside: object, **attributes: object) -> Markup:
    """`<tag attributes>inside</tag>`; write `class_` for class, `text_anchor` for text-anchor."""
    named = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{ready(value)}"' for name, value in attributes.items() if value != ""
    )
    return Markup(f"<{tag}{named}>{join(inside)}</{tag}>")


def join(parts: Iterable[object]) -> Markup:
    """Parts one after the other."""
    return Markup("".join(map(ready, parts)))


def table(
    rows: Iterable[Sequence[object]], *, heads: Sequence[object] = (), caption: str = "", class_: str = ""
) -> Markup:
    """A table whose first column names its rows."""
    head = element("thead", element("tr", *(element("th", cell, scope="col") for cell in heads))) if heads else ""
    body = (
        element("tr", element("th", first, scope="row"), *(element("td", cell) for cell in cells))
        for first, *cells in rows
    )
    title = element("caption", caption) if caption else ""
    return element("table", title, head, element("tbody", *body), class_=class_)


def terms(values: Iterable[tuple[str, object]]) -> Markup:
    """Names with their values, in as many columns as there is room for."""
    return element("dl", *(element("div", element("dt", name), element("dd", value)) for name, value in values))


def image(png: bytes, title: str) -> Markup:
    """A picture, inside of the page."""
    data = base64.b64encode(png).decode()
    return Markup(element("img", src=f"data:image/png;base64,{data}", alt=title).removesuffix("</img>"))


def section(title: str, *inside: object) -> Markup:
    """A part of the page under its title."""
    return element("section", element("h2", title), *inside)


def page(title: str, *inside: object) -> str:
    """A whole page that needs no other file, no network and no scripts, and lets the browser load none."""
    head = join(
        (
            Markup('<meta charset="utf-8">'),
            Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
            element("title", title),
            element("style", Markup(STYLE)),
        )
    )
    body = element("body", element("main", *inside))
    return f"<!doctype html>\n{element('html', element('head', head), body, lang='en')}\n"
