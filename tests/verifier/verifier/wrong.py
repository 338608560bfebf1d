"""What is wrong with an export."""


class Wrong(Exception):
    """The export does not prove itself; the text says where and why."""


def demand(condition, text):
    """Refuses the export unless the condition holds."""
    if not condition:
        raise Wrong(text)
