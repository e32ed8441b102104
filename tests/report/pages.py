"""Reading a page in tests."""

import re
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "hr", "link", "input", "col"}


class Checked(HTMLParser):
    """Reads a page; notes tags that do not close in order, ids, targets, images, headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.sources: list[str] = []
        self.pictures: list[str | None] = []
        self.headings: list[int] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self._note(tag, dict(attrs))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def _note(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.ids += [attributes["id"] or ""] if "id" in attributes else []
        for name in ("href", "xlink:href", "src"):
            if (address := attributes.get(name)) is not None:
                (self.targets if address.startswith("#") else self.sources).append(address)
        if "aria-labelledby" in attributes:
            self.targets.append(f"#{attributes['aria-labelledby']}")
        if tag == "img" or attributes.get("role") == "img":
            self.pictures.append(attributes.get("alt") or attributes.get("aria-label"))
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))


def section_of(text: str, name: str) -> str:
    """One section of the page."""
    start = text.index(f'<section id="{name}">')
    return text[start : text.index("</section>", start)]


def without_pixels(text: str) -> str:
    text = re.sub(r"(id=\"explorer-pixels\">).*?(</script>)", r"\1\2", text, flags=re.DOTALL)
    return re.sub(r"base64,[A-Za-z0-9+/=\s]+", "", text)


def without_scripts(text: str) -> str:
    return re.sub(r"(<script[^>]*>).*?(</script>)", r"\1\2", text, flags=re.DOTALL)


def well_formed(text: str) -> Checked:
    """A page that was read, in which every tag closes and every link has its one target."""
    page = Checked(text)
    assert (page.open, page.wrong) == ([], [])
    assert len(page.ids) == len(set(page.ids))
    assert {target[1:] for target in page.targets} <= set(page.ids)
    return page


def cells_of(text: str, heading: str) -> list[list[str]]:
    """The cells of every table row with this heading."""
    rows = re.findall(
        rf'<th scope="row">(?:<span[^>]*></span>)?{re.escape(heading)}</th>(.*?)</tr>', text, re.S
    )
    return [re.findall(r"<td>(.*?)</td>", row) for row in rows]
