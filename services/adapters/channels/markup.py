"""Text in markup that its readers have no escapes for: characters that mean something become their full-width twins.

They read the same; a unit id can neither become a link or a heading nor mention anybody.
"""

_TWINS = str.maketrans(
    {"<": "＜", ">": "＞", "[": "［", "]": "］", "*": "＊", "`": "｀", "~": "～", "#": "＃", "!": "！", "\\": "＼",
     "|": "｜", "_": "＿", "@": "＠", "$": "＄", "&": "＆"}
)  # fmt: skip
_MENTIONS = str.maketrans({"<": "＜", ">": "＞", "@": "＠"})


def inert(text: str) -> str:
    """Text that no Markdown dialect reads anything into."""
    return text.translate(_TWINS)


def unmentioning(text: str) -> str:
    """Plain text that mentions nobody, where readers look for `@all`, `<@id>` or `<!channel>`."""
    return text.translate(_MENTIONS)


def shortened(text: str, most_bytes: int) -> str:
    """The text, or as much of it as fits, whole characters, with an ellipsis."""
    data = text.encode()
    if len(data) <= most_bytes:
        return text
    return data[: most_bytes - 3].decode("utf-8", "ignore") + "…"
