"""HTML out of Python values: everything is escaped but what `tag` made itself."""

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

VOID = ("br", "img", "meta")
POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"  # nothing runs or is fetched


class Markup(str):
    """Text that is HTML, and is not escaped again."""


def tag(name: str, /, *children: Any, **attributes: Any) -> Markup:
    """An element. Of the names of attributes ``_`` becomes ``-``; one of None is left out.

    >>> tag("p", "1 < 2", class_="small")
    '<p class="small">1 &lt; 2</p>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{written}>" if name in VOID else f"<{name}{written}>{join(children)}</{name}>")


def join(children: Iterable[Any]) -> Markup:
    """The children one after the other, those that are not `Markup` escaped."""
    return Markup("".join(child if isinstance(child, Markup) else html.escape(str(child)) for child in children))


def table(caption: str, header: Sequence[Any], rows: Iterable[Sequence[Any]], class_: str = "") -> Markup:
    """A table whose first column heads its rows. It scrolls in itself where it is too wide for the page."""
    head = tag("tr", *(tag("th", cell, scope="col") for cell in header))
    body = [tag("tr", tag("th", first, scope="row"), *map(_cell, rest)) for first, *rest in rows]
    made = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body), class_=class_ or None)
    return tag("div", made, class_="scroll", tabindex=0, role="group", aria_label=caption)


def _cell(value: Any) -> Markup:
    return value if isinstance(value, Markup) and value.startswith("<td") else tag("td", value)


def tiles(values: Mapping[str, tuple[str, str]]) -> Markup:
    """The numbers to look at first: by name each, and what to say of it in small."""
    made = [tag("div", tag("dt", name), tag("dd", big, tag("small", small))) for name, (big, small) in values.items()]
    return tag("dl", *made, class_="tiles")


def section(title: str, *children: Any) -> Markup:
    """A part of the page under its heading."""
    return tag("section", tag("h2", title), *children)


def page(title: str, style: str, *children: Any) -> bytes:
    """A whole page, UTF-8; what has no place in it, such as a name of a file that is no text, becomes ``?``."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Markup(style)),
    )
    body = tag("body", tag("main", tag("h1", title), *children))
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n".encode("utf-8", "replace")
