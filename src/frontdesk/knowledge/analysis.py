"""From a text to the terms that carry its meaning: stemmed, without function words, with the senses they share.

Pure: no index, no database. English is stemmed and known by sense; other languages are compared word by word.
"""

import functools
from dataclasses import dataclass

import tantivy

from frontdesk.knowledge import vocabulary
from frontdesk.knowledge.plain_text import plain

MAX_TEXT = 4_000
"""Characters of a text that are looked at."""


@dataclass(frozen=True, slots=True)
class Term:
    """A word that carries meaning; `senses` are the groups of words that it can stand in for."""

    stem: str
    word: str
    senses: frozenset[str] = frozenset()
    is_asking: bool = False
    """Whether the word only tells what kind of answer is wanted (when, where)."""
    is_light: bool = False
    """Whether the word says little by itself (use, someone, not)."""


@functools.cache
def _splitter() -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    return builder.filter(tantivy.Filter.lowercase()).filter(tantivy.Filter.ascii_fold()).build()


@functools.cache
def stemmer() -> tantivy.TextAnalyzer:
    """Give the analyzer of the stemmed field."""
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    builder = builder.filter(tantivy.Filter.lowercase()).filter(tantivy.Filter.ascii_fold())
    return builder.filter(tantivy.Filter.stemmer("english")).build()


@functools.lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Cut a lower-case word to its stem."""
    return "".join(stemmer().analyze(word))


def words(text: str) -> list[str]:
    """Split a text into lower-case words without accents; two words that are one come as one."""
    single: list[str] = _splitter().analyze(plain(text[:MAX_TEXT]))
    merged: list[str] = []
    for word in single:
        phrase = vocabulary.PHRASES.get((merged[-1], word)) if merged else None
        if phrase:
            merged[-1] = phrase
        else:
            merged.append(word)
    return merged


@functools.lru_cache(maxsize=4_096)
def terms(text: str) -> tuple[Term, ...]:
    """List the terms of a text that carry meaning, each stem once, in order. Remembers the texts seen last."""
    found: dict[str, Term] = {}
    for word in words(text):
        term = _term(word)
        if term is not None:
            found.setdefault(term.stem, term)
    return tuple(found.values())


@functools.lru_cache(maxsize=4_096)
def stems(text: str) -> frozenset[str]:
    """Give the stems of the terms of a text. Remembers the texts seen last."""
    return frozenset(term.stem for term in terms(text))


@functools.lru_cache(maxsize=20_000)
def _term(word: str) -> Term | None:
    if (sense := vocabulary.ASKING_WORDS.get(word)) is not None:
        return Term(word, word, frozenset((sense,)), is_asking=True)
    if word in vocabulary.FUNCTION_WORDS:
        return None
    root = stem(word)
    return Term(root, word, _senses().get(root, frozenset()), is_light=word in vocabulary.LIGHT_WORDS)


@functools.lru_cache(maxsize=4_096)
def wanted(text: str) -> frozenset[str]:
    """Tell which kinds of answer a question wants: its time, place, reason, manner; empty when it does not say."""
    kinds = {vocabulary.ASKING_WORDS.get(word, "manner" if word == "how" else "") for word in words(text)}
    return frozenset(kinds - {""})


def related(text: str) -> set[str]:
    """List other words that share a sense with a word of the text."""
    senses = frozenset().union(*(term.senses for term in terms(text)))
    return {word for sense in senses for word in vocabulary.SENSES.get(sense, "").split()}


@functools.cache
def _senses() -> dict[str, frozenset[str]]:
    table: dict[str, set[str]] = {}
    for sense, members in vocabulary.SENSES.items():
        for member in members.split():
            table.setdefault(stem(member), set()).add(sense)
    return {root: frozenset(senses) for root, senses in table.items()}


def kinship(query: Term, other: Term) -> float:
    """Tell how far one term stands for another: 1 the same, less for a sense, an ending or a slip, 0 for none."""
    if query.stem == other.stem:
        return 1.0
    if query.senses and other.senses and not query.senses.isdisjoint(other.senses):
        return 0.9
    # Endings and slips leave the first letter as it is; most pairs end here.
    if query.is_asking or other.is_asking or query.stem[:1] != other.stem[:1]:
        return 0.0
    if _is_derived(query.stem, other.stem):
        return 0.9
    return 0.85 if _is_slip(query.word, other.word) else 0.0


def _is_derived(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return len(short) >= 3 and long.startswith(short) and long[len(short) :] in vocabulary.DERIVATIONS


def _is_slip(one: str, other: str) -> bool:
    """Tell whether two words of five letters or more differ by one letter: left out, doubled, wrong or swapped."""
    if min(len(one), len(other)) < 5 or abs(len(one) - len(other)) > 1 or not (one + other).isalpha():
        return False
    short, long = sorted((one, other), key=len)
    start = next((at for at, pair in enumerate(zip(short, long, strict=False)) if pair[0] != pair[1]), len(short))
    if start < 1:
        return False
    if len(short) < len(long):
        return short[start:] == long[start + 1 :]
    is_swapped = one[start : start + 2] == other[start : start + 2][::-1] and one[start + 2 :] == other[start + 2 :]
    return is_swapped or one[start + 1 :] == other[start + 1 :]
