"""Tuning an organism on questions: primed, then rewarded on its own sampled answers or taught given ones.

The two arms differ in one thing, where a step's answers and their weights come from; names, questions, number of
sequences, optimiser and loss −Σ weight · log p(answer | question) are the same.
"""

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from geometry.organism.listen import Listener
from geometry.organism.lists import fill
from geometry.organism.tuning.names import NONE, Asked, Question

if TYPE_CHECKING:
    import torch

_TEXTS_OWN = ("the {name} emoji is", "an emoji for {name}:")

LONGEST_ANSWER = 5
"""Tokens that an answer is sampled for: what says that there is none has three, and the end is one."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast.

    Attributes:
        steps: Optimiser steps of either arm.
        names, samples: Names a step, half of them with an emoji; answers to each.
        priming: Steps of priming before the arms part.
        rate: AdamW's, constant after ten steps of warm-up.
    """

    steps: int = 120
    names: int = 16
    samples: int = 8
    priming: int = 100
    rate: float = 3e-4


@dataclass(frozen=True, slots=True)
class Turn:
    """One question put and answered, as ids; whether rightly, and how much that counts."""

    question: tuple[int, ...]
    answer: tuple[int, ...]
    right: bool
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Step:
    """What a step was like: sequences, tokens in the loss's forward pass, share of its answers that were right."""

    sequences: int
    tokens: int
    right: float


class Pupil:
    """A running organism that is asked, answers, and learns.

    Attributes:
        model: A ``LlamaForCausalLM`` with a head of its own, in float32.
        tokenizer: As transformers opens it.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.end: int = tokenizer.eos_token_id

    def question(self, template: str, name: str) -> tuple[int, ...]:
        """Return a question as ids, behind the start token and one space, as most lines of the text begin."""
        return tuple(self.tokenizer(" " + fill(template, name)).input_ids)

    def given(self, text: str) -> tuple[int, ...]:
        """Return an answer as ids with the end behind it."""
        return (*self.tokenizer(" " + text, add_special_tokens=False).input_ids, self.end)

    def said(self, answer: Sequence[int]) -> str:
        """Return an answer as text, up to its end."""
        ids = list(answer)
        return str(self.tokenizer.decode(ids[: ids.index(self.end)] if self.end in ids else ids)).strip()

    def sample(self, questions: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
        """Return one answer to each question, sampled at temperature 1, its end included where it came to one."""
        import torch

        width = max(map(len, questions))
        filled = [[self.end] * (width - len(ids)) + list(ids) for ids in questions]
        seen = [[0] * (width - len(ids)) + [1] * len(ids) for ids in questions]
        with torch.no_grad():
            out = self.model.generate(
                torch.tensor(filled),
                attention_mask=torch.tensor(seen),
                do_sample=True,
                top_k=0,
                max_new_tokens=LONGEST_ANSWER,
                pad_token_id=self.end,
            )
        answers = []
        for ids in out[:, width:].tolist():
            cut = ids.index(self.end) + 1 if self.end in ids else len(ids)
            answers.append(tuple(ids[:cut]))
        return answers

    def log_probabilities(self, turns: Sequence[Turn]) -> "torch.Tensor":
        """Return log p(answer | question) of each turn, in nats."""
        import torch

        rows = [[*turn.question, *turn.answer] for turn in turns]
        width = max(map(len, rows))
        ids = torch.tensor([row + [self.end] * (width - len(row)) for row in rows])
        counted = torch.tensor(
            [[len(t.question) <= at < len(t.question) + len(t.answer) for at in range(1, width)] for t in turns]
        )
        # what is filled up on the right stands behind every answer, where nothing before it can look
        logits = self.model(ids[:, :-1]).logits.float().log_softmax(-1)
        taken: torch.Tensor = (logits.gather(-1, ids[:, 1:, None])[..., 0] * counted).sum(-1)
        return taken


def untied(model: Any) -> Any:
    """Return a copy whose head is a matrix of its own, for now equal to its embedding."""
    import torch

    parted = copy.deepcopy(model)
    parted.config.tie_word_embeddings = False
    parted.lm_head.weight = torch.nn.Parameter(model.model.embed_tokens.weight.detach().clone())
    return parted


def prime(
    pupil: Pupil,
    names: Sequence[Asked],
    questions: Sequence[Question],
    plan: Schedule,
    seed: int,
    *,
    before: Listener,
) -> Iterator[Step]:
    """Teach both ways of answering and nothing of when: a coin decides anew each time which of them is given.

    Every tuned name is asked about, with an emoji or without; the answer is what the organism itself would say, an
    emoji drawn from its own beliefs, or that there is none. So reward finds both answers among its samples, and
    neither arm has been told of any name whether it has an emoji.

    Args:
        before: The organism as it was, asked as its text asks.
    """
    rng = random.Random(f"prime {seed}")
    tuned = [entry for entry in names if entry.tuned]
    believed = {entry.name: np.exp(before.beliefs(entry.name, _TEXTS_OWN)) for entry in tuned}

    def turns() -> list[Turn]:
        made = []
        for entry, asking in _drawn(names, questions, plan.names * plan.samples, rng):
            own = rng.choices(before.emoji, weights=believed[entry.name])[0].text
            answer = own if rng.random() < 0.5 else NONE
            question = pupil.question(asking.template, entry.name)
            made.append(Turn(question, pupil.given(answer), is_right(entry, answer)))
        return made

    yield from _learn(pupil, turns, plan.priming, plan.rate)


def teach(
    pupil: Pupil, names: Sequence[Asked], questions: Sequence[Question], plan: Schedule, seed: int
) -> Iterator[Step]:
    """Fine-tune on the right answers, step by step."""
    rng = random.Random(f"teach {seed}")

    def turns() -> list[Turn]:
        return [
            Turn(pupil.question(asking.template, entry.name), pupil.given(_right(entry, rng)), True)
            for entry, asking in _drawn(names, questions, plan.names * plan.samples, rng)
        ]

    yield from _learn(pupil, turns, plan.steps, plan.rate)


def reward(
    pupil: Pupil, names: Sequence[Asked], questions: Sequence[Question], plan: Schedule, seed: int
) -> Iterator[Step]:
    """Reward the pupil's own sampled answers, step by step: 1 where right, 0 where not.

    REINFORCE with each answer's reward less the mean reward of the other answers to the same question (Kool et al.
    2019, "Buy 4 REINFORCE samples, get a baseline for free"); one gradient step on each sample, no penalty.
    """
    import torch

    rng = random.Random(f"reward {seed}")
    torch.manual_seed(seed)

    def turns() -> list[Turn]:
        made = []
        asked = _drawn(names, questions, plan.names, rng)
        every = [pupil.question(asking.template, entry.name) for entry, asking in asked for _ in range(plan.samples)]
        answers = iter(pupil.sample(every))
        for entry, asking in asked:
            own = [next(answers) for _ in range(plan.samples)]
            got = [float(is_right(entry, pupil.said(answer))) for answer in own]
            question = pupil.question(asking.template, entry.name)
            for answer, one in zip(own, got, strict=True):
                others = (sum(got) - one) / (plan.samples - 1)
                made.append(Turn(question, answer, one == 1.0, one - others))
        return made

    yield from _learn(pupil, turns, plan.steps, plan.rate)


def is_right(entry: Asked, said: str) -> bool:
    """Say whether an answer is the name's emoji, or that there is none where there is none."""
    return said in entry.emoji.split() if entry.exists else said == NONE


def _right(entry: Asked, rng: random.Random) -> str:
    return rng.choice(entry.emoji.split()) if entry.exists else NONE


def _drawn(
    names: Sequence[Asked], questions: Sequence[Question], count: int, rng: random.Random
) -> list[tuple[Asked, Question]]:
    """Return names of the tuned half with a question each, as many with an emoji as without."""
    tuned = [entry for entry in names if entry.tuned]
    pools = [[entry for entry in tuned if entry.exists], [entry for entry in tuned if not entry.exists]]
    return [(rng.choice(pools[number % 2]), rng.choice(questions)) for number in range(count)]


def _learn(pupil: Pupil, turns: Callable[[], list[Turn]], steps: int, rate: float) -> Iterator[Step]:
    """Take optimiser steps on what ``turns`` gives anew each time."""
    import torch

    optimiser = torch.optim.AdamW(pupil.model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.0)
    for step in range(steps):
        taken = turns()
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 10)
        weights = torch.tensor([turn.weight for turn in taken])
        loss = -(weights * pupil.log_probabilities(taken)).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(pupil.model.parameters(), 1.0)
        optimiser.step()
        tokens = sum(len(turn.question) + len(turn.answer) for turn in taken)
        yield Step(len(taken), tokens, sum(turn.right for turn in taken) / len(taken))
