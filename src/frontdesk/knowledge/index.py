"""One tenant's entries as a tantivy index on disk: written aside, published by a rename, never changed after.

Knows no Django and no tenant: a directory holds the entries of exactly one tenant and version, so that no other
tenant's words weigh in a score. `retrieval` decides which directory.
"""

import functools
import itertools
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import tantivy

from frontdesk.knowledge import analysis, confidence, vocabulary

MAX_QUERY = 500
"""Characters of a question that are searched for."""
MAX_OPEN = 64
WRITER_BYTES = 15_000_000
ANY_WIDGET = 0
_STEMMED = "english"
_FIELDS = ("question", "tags", "answer", "question_exact", "tags_exact", "answer_exact")
_BOOSTS = {"question": 2.0, "tags": 1.5, "answer": 1.0, "question_exact": 1.0, "tags_exact": 0.7, "answer_exact": 0.5}
_SENSE_BOOST = 0.2
POOL = 10
"""Entries that are fetched by search score and then put in order with their confidence."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is indexed of an entry; `widget_id` None means that every widget of the tenant may use it."""

    id: int
    question: str
    answer: str
    tags: tuple[str, ...] = ()
    widget_id: int | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry that was found. `score` ranks within one search only; `confidence` in 0..1 compares everywhere."""

    entry_id: int
    question: str
    answer: str
    score: float
    confidence: float


@functools.cache
def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in _FIELDS:
        exact = name.endswith("_exact")
        builder.add_text_field(name, stored=not exact, tokenizer_name="default" if exact else _STEMMED)
    builder.add_integer_field("entry_id", stored=True)
    builder.add_integer_field("widget_id", indexed=True)
    return builder.build()


def publish(directory: Path, entries: Iterable[Entry]) -> None:
    """Write the index of `entries` and put it at `directory` in one step; a directory that is there already wins."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=directory.parent))
    try:
        _write(draft, entries)
        draft.rename(directory)
    except OSError:
        # Another thread or process has published the same version meanwhile: then theirs is as good.
        if not directory.exists():
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write(draft: Path, entries: Iterable[Entry]) -> None:
    index = tantivy.Index(_schema(), path=str(draft))
    index.register_tokenizer(_STEMMED, analysis.stemmer())
    writer = index.writer(WRITER_BYTES, 1)
    for entry in entries:
        tags = "\n".join(entry.tags)
        document = tantivy.Document()
        document.add_integer("entry_id", entry.id)
        document.add_integer("widget_id", ANY_WIDGET if entry.widget_id is None else entry.widget_id)
        for name, text in (("question", entry.question), ("tags", tags), ("answer", entry.answer)):
            document.add_text(name, text)
            document.add_text(f"{name}_exact", text)
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()


@functools.lru_cache(maxsize=MAX_OPEN)
def open_index(directory: Path) -> "Index":
    """Open a published index; the 64 used last stay open, which is sound because none changes after publication."""
    return Index(directory)


class Index:
    """An open index. Safe to use from several threads."""

    def __init__(self, directory: Path) -> None:
        """Open `directory`; ValueError when there is no readable index in it."""
        self._index = tantivy.Index.open(str(directory))
        self._index.register_tokenizer(_STEMMED, analysis.stemmer())
        self._searcher = self._index.searcher()

    def search(self, query: str, limit: int = 10, widget_id: int | None = None) -> list[Hit]:
        """Find the entries nearest to a question, best first, with their confidence.

        Entries that are limited to a widget are found for that widget only.
        """
        query = query[:MAX_QUERY]
        words = analysis.words(query)
        if not words or limit < 1:
            return []
        found = self._searcher.search(self._query(query, words, widget_id), max(limit, POOL), count=False).hits
        documents = [self._searcher.doc(address) for _, address in found]
        candidates = [_candidate(document) for document in documents]
        measured = confidence.confidences(query, candidates, self._corpus(query, candidates))
        best = max((score for score, _ in found), default=0.0) or 1.0
        hits = [
            Hit(document["entry_id"][0], one.question, one.answer, score / best + sure, sure)
            for (score, _), document, one, sure in zip(found, documents, candidates, measured, strict=True)
        ]
        return sorted(hits, key=_rank)[:limit]

    def _query(self, query: str, words: list[str], widget_id: int | None) -> tantivy.Query:
        content = [word for word in words if word not in vocabulary.FUNCTION_WORDS] or words
        joined = [first + second for first, second in itertools.pairwise(words)]
        wanted = [(tantivy.Occur.Should, self._parsed(content + joined))]
        if related := sorted(analysis.related(query).difference(content)):
            wanted.append((tantivy.Occur.Should, tantivy.Query.boost_query(self._parsed(related), _SENSE_BOOST)))
        allowed = [
            (tantivy.Occur.Should, tantivy.Query.term_query(_schema(), "widget_id", number))
            for number in {ANY_WIDGET, ANY_WIDGET if widget_id is None else widget_id}
        ]
        visible = tantivy.Query.boost_query(tantivy.Query.boolean_query(allowed), 0.0)
        text = tantivy.Query.boolean_query(wanted)
        return tantivy.Query.boolean_query([(tantivy.Occur.Must, text), (tantivy.Occur.Must, visible)])

    def _parsed(self, words: list[str]) -> tantivy.Query:
        parsed, _ = self._index.parse_query_lenient(" ".join(words), list(_FIELDS), field_boosts=_BOOSTS)
        return parsed

    def _corpus(self, query: str, candidates: list[confidence.Candidate]) -> confidence.Corpus:
        texts = (query, *(one.question for one in candidates), *(tag for one in candidates for tag in one.tags))
        stems = {term.stem for text in texts for term in analysis.terms(text)}
        frequencies = {stem: self._searcher.doc_freq("question", stem) for stem in stems}
        return confidence.Corpus(self._searcher.num_docs, frequencies)


def _candidate(document: tantivy.Document) -> confidence.Candidate:
    tags = tuple(document["tags"][0].split("\n"))
    return confidence.Candidate(document["question"][0], document["answer"][0], tags)


def _rank(hit: Hit) -> tuple[float, int]:
    return (-hit.score, hit.entry_id)
