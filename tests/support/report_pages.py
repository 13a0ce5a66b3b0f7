"""Helpers for tests of the whole report."""

import copy
import dataclasses
import re
from html.parser import HTMLParser

from moascope.report import checks


def changed(context, **parts):
    """Give a copy of the context with some parts replaced."""
    parts = {"config": copy.deepcopy(context.config), **parts}
    return dataclasses.replace(context, **parts)


class Outline(HTMLParser):
    """Collects tags with their attributes, and the text of the page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words).replace("\xa0", " "))


def statuses(context):
    return {check["title"]: check["status"] for check in checks.collect_checks(context)}


def reviewed(context, **quality):
    """Give a copy of the context with other results of the review of quality."""
    summary = copy.deepcopy(context.summary)
    summary["quality"] |= quality
    return changed(context, summary=summary)
