"""Measures retrieval and its confidence on public questions; prints one JSON value.

Usage: python benches/retrieval.py DATA_FOLDER

DATA_FOLDER holds `stackfaq_docs.jsonl.gz` and `stackfaq_queries.jsonl.gz` (ML-Recipes/BERT-FAQ, StackExchange text,
CC BY-SA) and `tau2_banking_docs.jsonl.gz` (sierra-research/tau2-bench, MIT). Nothing in the product was fitted to them.
"""

import argparse
import gzip
import json
import os
import platform
import random
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from frontdesk.knowledge import index
from frontdesk.knowledge.index import Entry, Hit

THRESHOLD = 0.85
LIMIT = 10
BOOTSTRAP_ROUNDS = 1_000

Query = tuple[str, int]
"""A question and the id of the entry that answers it."""


def main() -> None:
    """Run everything on the folder named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    data: Path = parser.parse_args().data
    documents = _rows(data / "stackfaq_docs.jsonl.gz")
    queries = [(row["query"], row["doc"] + 1) for row in _rows(data / "stackfaq_queries.jsonl.gz")]
    bank = [
        Entry(100_000 + number, row["title"], row["content"])
        for number, row in enumerate(_rows(data / "tau2_banking_docs.jsonl.gz"))
    ]
    first_answers = [Entry(row["id"] + 1, row["question"], row["answers"][0]) for row in documents]
    all_answers = [Entry(row["id"] + 1, row["question"], "\n\n".join(row["answers"])) for row in documents]
    with tempfile.TemporaryDirectory() as folder:
        library = _Library(Path(folder))
        report = {
            "machine": {"python": platform.python_version(), "system": platform.platform(), "cpus": os.cpu_count()},
            "threshold": THRESHOLD,
            "stackfaq": _answerable(library.build(all_answers), queries),
            "stackfaq_first_answer_only": _answerable(library.build(first_answers), queries),
            "stackfaq_among_bank_documents": _answerable(library.build(all_answers + bank), queries),
            "stackfaq_with_its_page_left_out": _left_out(library, all_answers, queries),
            "stackfaq_asked_of_the_bank": _unanswerable([library.build(bank)] * len(queries), queries),
            "bank_titles": _answerable(library.build(bank), _titles(bank)),
            "build": _build_times(library, bank),
        }
    print(json.dumps(report, indent=2))


def _rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


class _Library:
    """Indexes in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._built = 0

    def build(self, entries: Iterable[Entry]) -> index.Index:
        self._built += 1
        directory = self._folder / str(self._built)
        index.publish(directory, entries)
        return index.Index(directory)


def _answerable(shelf: index.Index, queries: Sequence[Query]) -> dict[str, Any]:
    """Ask questions whose entry is there: rank of the right entry, and how often a sure answer is the right one."""
    started = time.perf_counter()
    answers = [(shelf.search(text, LIMIT), wanted) for text, wanted in queries]
    seconds = time.perf_counter() - started
    reciprocal = [_reciprocal_rank(hits, wanted) for hits, wanted in answers]
    sure = [
        best.entry_id == wanted for hits, wanted in answers if (best := _best(hits)) and best.confidence >= THRESHOLD
    ]
    return {
        "queries": len(queries),
        "mrr": round(sum(reciprocal) / len(queries), 4),
        "mrr_95": _interval(reciprocal),
        "right_at_1": round(sum(value == 1.0 for value in reciprocal) / len(queries), 4),
        "sure": len(sure),
        "coverage": round(len(sure) / len(queries), 4),
        "precision": round(sum(sure) / len(sure), 4) if sure else None,
        "precision_at_least_95": _rule_of_three(sure),
        "microseconds_a_search": round(seconds / len(queries) * 1e6),
    }


def _left_out(library: _Library, entries: Sequence[Entry], queries: Sequence[Query]) -> dict[str, Any]:
    """Ask each question of a collection without the entry that answers it: any sure answer is wrong."""
    without = {entry.id: library.build(other for other in entries if other.id != entry.id) for entry in entries}
    return _unanswerable([without[wanted] for _, wanted in queries], queries)


def _unanswerable(shelves: Sequence[index.Index], queries: Sequence[Query]) -> dict[str, Any]:
    confidences = sorted(
        (best.confidence if (best := _best(shelf.search(text, LIMIT))) else 0.0)
        for shelf, (text, _) in zip(shelves, queries, strict=True)
    )
    wrong = sum(value >= THRESHOLD for value in confidences)
    return {
        "queries": len(queries),
        "wrongly_sure": wrong,
        "wrongly_sure_share": round(wrong / len(queries), 4),
        "highest_confidence": round(confidences[-1], 4),
        "confidence_p99": round(confidences[int(len(confidences) * 0.99)], 4),
    }


def _titles(entries: Sequence[Entry]) -> list[Query]:
    """Use each title once as a question; titles that several documents share have no single right answer."""
    titles = [entry.question for entry in entries]
    return [(entry.question, entry.id) for entry in entries if titles.count(entry.question) == 1]


def _build_times(library: _Library, entries: Sequence[Entry]) -> dict[str, Any]:
    started = time.perf_counter()
    library.build(entries)
    return {"entries": len(entries), "milliseconds": round((time.perf_counter() - started) * 1e3, 1)}


def _best(hits: Sequence[Hit]) -> Hit | None:
    return max(hits, key=lambda hit: hit.confidence, default=None)


def _reciprocal_rank(hits: Sequence[Hit], wanted: int) -> float:
    return next((1.0 / rank for rank, hit in enumerate(hits, 1) if hit.entry_id == wanted), 0.0)


def _interval(values: Sequence[float]) -> list[float]:
    """Give the 95 % bootstrap interval of the mean."""
    dice = random.Random(20)
    means = sorted(sum(dice.choices(values, k=len(values))) / len(values) for _ in range(BOOTSTRAP_ROUNDS))
    return [round(means[int(BOOTSTRAP_ROUNDS * share)], 4) for share in (0.025, 0.975)]


def _rule_of_three(outcomes: Sequence[bool]) -> float | None:
    """Bound the precision from below at 95 % when no outcome is wrong: 1 - 3/n. None when one is."""
    return round(1 - 3 / len(outcomes), 4) if outcomes and all(outcomes) else None


if __name__ == "__main__":
    main()
