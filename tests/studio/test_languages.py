"""Every string of the page is in both languages, and none is anywhere else."""

import json
import re
from html.parser import HTMLParser

import pytest

from server.http.studio import FOLDER

LANGUAGES = {path.stem: json.loads(path.read_text("utf-8")) for path in FOLDER.glob("languages/*")}
ENGLISH = LANGUAGES["en"]
# Names and signs are the same in every language.
NOT_WORDS = {"Impasto", "Impasto: JavaScript", "\N{MINUS SIGN}", "+", "256", "512", "1024"}
SPOKEN_ATTRIBUTES = {"aria-label", "title", "placeholder"}
# Of keys that are put together when the page runs.
MADE_KEYS = ("models.", "labels.", "styles.", "error.", "detail.", "language")


class Strings(HTMLParser):
    """The words and the keys in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.keys: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in SPOKEN_ATTRIBUTES or (name == "alt" and value):
                self.words.append(str(value))
            if name in {"data-say", "data-say-label"}:
                self.keys.append(str(value))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data.strip())


@pytest.fixture(scope="module")
def page() -> Strings:
    strings = Strings()
    strings.feed((FOLDER / "index.html").read_text("utf-8"))
    return strings


def scripts() -> str:
    """All of them, without their comments."""
    code = "\n".join(path.read_text("utf-8") for path in sorted(FOLDER.glob("modules/*.js")))
    return re.sub(r"/\*.*?\*/|^\s*//.*?$", "", code, flags=re.DOTALL | re.MULTILINE)


def placeholders(words: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", words))


def test_languages_say_the_same() -> None:
    assert set(LANGUAGES) == {"en", "zh-CN"}
    for language, texts in LANGUAGES.items():
        assert list(texts) == list(ENGLISH), language
        for key, words in texts.items():
            assert words.strip(), (language, key)
            assert placeholders(words) == placeholders(ENGLISH[key]), (language, key)


def test_what_is_not_translated_is_a_name() -> None:
    same = {key for key, words in LANGUAGES["zh-CN"].items() if words == ENGLISH[key]}
    names = {"detail.python", "detail.grpcurl", "now.version", "now.python"}
    formats = {"mixer.part", "detail.untitled"}
    assert same == names | formats


def test_the_page_has_no_words_of_its_own(page: Strings) -> None:
    assert set(page.words) <= NOT_WORDS
    assert set(page.keys) <= set(ENGLISH)


def test_scripts_have_no_words_of_their_own() -> None:
    # Any two words in quotes; messages of programming errors and commands to run are not shown
    # as words of the page.
    assert re.findall(r'"([A-Z][a-z]+ [a-z][^"]*)"', scripts()) == []


def test_every_text_is_used_and_every_used_text_is_there(page: Strings) -> None:
    quoted = set(re.findall(r'["`]((?:[a-zA-Z]+)\.[\w]+)["`]', scripts()))
    areas = {key.split(".")[0] for key in ENGLISH if "." in key}
    used = {key for key in quoted if key.split(".")[0] in areas}
    assert used - set(ENGLISH) <= {"walk.webp"}
    unused = set(ENGLISH) - used - set(page.keys)
    assert {key for key in unused if not key.startswith(MADE_KEYS)} == set()
