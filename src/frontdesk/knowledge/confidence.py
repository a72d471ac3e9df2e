"""How sure a stored answer fits a question, between 0 and 1, whatever the number of stored entries.

No search score goes in: those grow with the collection. What counts is how much of the question's meaning the
entry covers, how much of the entry's own question is asked for, and whether another entry fits as well. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from frontdesk.knowledge import analysis, vocabulary
from frontdesk.knowledge.analysis import Term

ANSWER_CREDIT = 0.5
"""What a term is worth that only the entry's answer holds."""
ASKING_WEIGHT = 0.6
LIGHT_WEIGHT = 0.3
ENOUGH_EVIDENCE = 1.2
"""The weight of matching terms from which on a match is no chance; below it, part of THIN_LOSS is taken off."""
THIN_LOSS = 0.3
COVERAGE_POWER = 0.75
"""So chosen that of five terms asked for one that the entry lacks is enough to stay below 0.85."""
FOCUS_POWER = 0.3
OPPOSITE_LOSS = 0.15
"""What is taken off when only one of the two questions has a word such as not or without."""
OTHER_WORDS = 0.99
"""The most that a question in other words than the stored one can reach."""
OTHER_KIND_LOSS = 0.15
"""What is taken off when both questions say what they want and it is not the same (why, how)."""
AMBIGUITY_LOSS = 0.2
CLEAR_MARGIN = 0.15
"""The relative distance to the runner-up from which on there is no doubt between the two."""
PRIOR_ENTRIES = 20.0
"""Entries that are imagined beside the real ones, so that a word of a small collection does not look common."""
COMMONNESS = 3.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry as the measure sees it."""

    question: str
    answer: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Corpus:
    """How common terms are among a tenant's entries: by stem, the number of entries that hold it."""

    entries: int
    frequencies: Mapping[str, int]

    def weight(self, term: Term) -> float:
        """Tell how much a term matters, in 0..1; a word of many entries matters less, an unknown one fully."""
        share = self.frequencies.get(term.stem, 0) / (self.entries + PRIOR_ENTRIES)
        base = ASKING_WEIGHT if term.is_asking else LIGHT_WEIGHT if term.is_light else 1.0
        return base / (1.0 + COMMONNESS * share)


def confidences(query: str, candidates: Sequence[Candidate], corpus: Corpus) -> list[float]:
    """Measure all candidates against the question; the doubt between the best ones lowers them."""
    asked = analysis.terms(query)
    fits = [_fit(query, asked, one, corpus) for one in candidates]
    return [_doubted(position, fits, candidates) for position in range(len(fits))]


def _fit(query: str, asked: Sequence[Term], candidate: Candidate, corpus: Corpus) -> float:
    if _is_same(query, candidate.question):
        return 1.0
    wanted, offered = analysis.wanted(query), analysis.wanted(candidate.question)
    other_kind = OTHER_KIND_LOSS if wanted and offered and wanted.isdisjoint(offered) else 0.0
    return fit(asked, candidate, corpus) * (1.0 - other_kind) * OTHER_WORDS


def _is_same(query: str, question: str) -> bool:
    if analysis.stems(query) != analysis.stems(question):
        return False  # remembered, unlike the words
    words = analysis.words(query)
    return bool(words) and words == analysis.words(question)


def fit(asked: Sequence[Term], candidate: Candidate, corpus: Corpus) -> float:
    """Measure one candidate by itself: coverage of the question by the entry, and of the entry by the question."""
    if not asked:
        return 0.0
    question = analysis.terms(candidate.question)
    tags = [analysis.terms(tag) for tag in candidate.tags]
    known = (*question, *(term for tag in tags for term in tag))
    answered = analysis.stems(candidate.answer)
    weights = [corpus.weight(term) for term in asked]
    held = [max(_best(term, known), ANSWER_CREDIT if term.stem in answered else 0.0) for term in asked]
    evidence = sum(weight * credit for weight, credit in zip(weights, held, strict=True))
    coverage = evidence / sum(weights)
    focus = max(_asked_for(part, asked, corpus) for part in (question, *tags))
    thinness = 1.0 - min(1.0, evidence / ENOUGH_EVIDENCE)
    opposite = OPPOSITE_LOSS if _is_negative(asked) != _is_negative(question) else 0.0
    return float(coverage**COVERAGE_POWER * focus**FOCUS_POWER * (1.0 - THIN_LOSS * thinness) * (1.0 - opposite))


def _is_negative(terms: Sequence[Term]) -> bool:
    return any(vocabulary.NEGATION in term.senses for term in terms)


def _best(term: Term, others: Sequence[Term]) -> float:
    best = 0.0
    for other in others:
        kinship = analysis.kinship(term, other)
        if kinship > best:
            if kinship == 1.0:
                return 1.0
            best = kinship
    return best


def _asked_for(part: Sequence[Term], asked: Sequence[Term], corpus: Corpus) -> float:
    if not part:
        return 0.0
    weights = [corpus.weight(term) for term in part]
    return sum(weight * _best(term, asked) for weight, term in zip(weights, part, strict=True)) / sum(weights)


def _doubted(position: int, fits: Sequence[float], candidates: Sequence[Candidate]) -> float:
    own = fits[position]
    rivals = [
        other
        for at, other in enumerate(fits)
        if at != position and candidates[at].answer != candidates[position].answer
    ]
    rival = max(rivals, default=0.0)
    if own >= 1.0 or own <= 0.0 or rival <= 0.0:
        return own
    margin = max(0.0, (own - rival) / own)
    return own * (1.0 - AMBIGUITY_LOSS * (1.0 - min(1.0, margin / CLEAR_MARGIN)))
